//! Generates Temporal's messages (and, behind `grpc`, its services) from the descriptor set that
//! the crate `temporalio-protos` exports through its `links` metadata. Nothing generated is checked
//! in.

#![expect(
    clippy::print_stdout,
    reason = "a build script speaks to cargo on stdout"
)]

mod events;
mod schema;

use std::{collections::BTreeSet, env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")?;
    println!("cargo:rerun-if-changed={path}");
    println!("cargo:rerun-if-changed=build");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let set = spoken(FileDescriptorSet::decode(fs::read(&path)?.as_slice())?);
    fs::write(
        out.join("descriptors.bin"),
        without_comments(&set).encode_to_vec(),
    )?;
    fs::write(out.join("events.rs"), events::generate(&set)?)?;
    fs::write(out.join("schema.rs"), schema::generate(&set)?)?;
    generate_messages(set)
}

/// Whether we speak `package`. Everything of `temporal.api` but Temporal Cloud's own control plane,
/// the control of workers through Nexus, and annotations that only Temporal's generators read; of
/// Google and gRPC just what those messages and the health check are made of.
fn is_spoken(package: &str) -> bool {
    const EXCLUDED: [&str; 3] = ["cloud", "nexusservices", "protometa"];
    match package.strip_prefix("temporal.api.") {
        Some(rest) => !EXCLUDED.iter().any(|p| rest.starts_with(p)),
        None => ["google.protobuf", "google.rpc", "grpc.health.v1"].contains(&package),
    }
}

/// The files we speak, with imports of the others cut: those only declare options, which
/// `prost-types` drops.
fn spoken(mut set: FileDescriptorSet) -> FileDescriptorSet {
    set.file
        .retain(|f| is_spoken(f.package()) && f.name() != "google/protobuf/descriptor.proto");
    let kept: BTreeSet<String> = set.file.iter().map(|f| f.name().to_owned()).collect();
    for file in &mut set.file {
        file.dependency.retain(|d| kept.contains(d));
        // Indices into `dependency`, which no longer hold; none of these files re-exports another.
        file.public_dependency.clear();
        file.weak_dependency.clear();
    }
    set
}

fn without_comments(set: &FileDescriptorSet) -> FileDescriptorSet {
    let mut set = set.clone();
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}

fn generate_messages(mut set: FileDescriptorSet) -> Result<(), Box<dyn Error>> {
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
