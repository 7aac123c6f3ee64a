//! The command line over the suites that are shipped.

/// A run makes and drops messages all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    steadfast::main(steadfast_scenarios::suite())
}
