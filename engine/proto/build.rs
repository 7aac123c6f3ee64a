//! Generates Temporal's messages (and, behind `grpc`, its services) from the descriptor set that the crate
//! `temporalio-protos` exports through its `links` metadata. Nothing generated is checked in.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// Packages we speak; the rest of the set (the SDK's private `coresdk`, test messages) is left out.
const PACKAGES: [&str; 6] = [
    "temporal.api",
    "google.protobuf",
    "google.rpc",
    "google.api",
    "grpc.health",
    "protoc_gen_openapiv2",
];

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")?;
    println!("cargo:rerun-if-changed={path}");
    let mut set = FileDescriptorSet::decode(fs::read(&path)?.as_slice())?;
    set.file.retain(|file| PACKAGES.iter().any(|p| file.package().starts_with(p)));

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), set.encode_to_vec())?;

    // Messages of `google.protobuf` stay in the set for their shape; prost-build maps them to `prost_types`.
    set.file.retain(|file| {
        ["temporal.api", "google.protobuf", "google.rpc", "grpc.health"]
            .iter()
            .any(|p| file.package().starts_with(p))
    });
    if env::var_os("CARGO_FEATURE_GRPC").is_none() {
        for file in &mut set.file {
            file.service.clear();
        }
    }
    let mut config = prost_build::Config::new();
    config
        .btree_map(["."])
        .bytes(["."])
        .enable_type_names()
        .include_file("temporal.rs");
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .build_transport(false)
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(set, config)?;
    Ok(())
}
