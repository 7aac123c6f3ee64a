//! Temporal's published language.

#[expect(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    rustdoc::all,
    clippy::all,
    clippy::pedantic,
    reason = "generated at build time from Temporal's descriptors"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/temporal.rs"));
}
pub use generated::*;
