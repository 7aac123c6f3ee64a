//! Temporal's published language.
//!
//! Messages are generated at build time from the descriptor set that `temporalio-protos` exports,
//! so there is one source of truth and no copied `.proto` file. Unlike the SDK's own messages these
//! have ordered maps, so that equal messages encode to equal bytes in every process, and
//! [`Bytes`](bytes::Bytes) for payloads, so that sharing one copies nothing.
//!
//! Beside the messages live the few things that every reader of them needs:
//!
//! - [`json`]: canonical proto3 JSON both ways, as the `temporal` command line and the Web UI write
//!   it;
//! - [`time`]: timestamps and durations as plain nanoseconds and back;
//! - [`event`]: which attributes belong to which type of history event;
//! - [`payload`] and [`failure`]: constructors of the two values that everything carries.
//!
//! With feature `grpc` the packages of the services also hold tonic's server traits and clients,
//! without a transport.
//!
//! Out of scope: Temporal Cloud's control plane, and everything private to the SDK (`coresdk`).

pub mod event;
pub mod failure;
pub mod json;
pub mod payload;
pub mod time;

#[expect(
    missing_docs,
    rustdoc::all,
    clippy::all,
    clippy::pedantic,
    clippy::use_self,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated at build time from Temporal's descriptors"
)]
#[cfg_attr(
    feature = "grpc",
    expect(
        unused_qualifications,
        reason = "generated services name everything in full"
    )
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/temporal.rs"));
}
pub use generated::{google, grpc, temporal};

/// The descriptors of all messages and services here, encoded, without comments: what gRPC
/// reflection serves.
pub static FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
