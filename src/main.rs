//! The command line over the suites that are shipped.

fn main() -> std::process::ExitCode {
    steadfast::main(steadfast_scenarios::suite())
}
