//! The `mfp` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    mfp::main()
}
