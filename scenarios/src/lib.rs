//! .

#[expect(
    missing_debug_implementations,
    reason = "the official macros generate marker types without it"
)]
pub mod workflows;
