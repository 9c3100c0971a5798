//! The `foreshock` command.

use std::process::ExitCode;

mod cli;

#[cfg(feature = "train")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A reader that has seen enough (`| head`) ends the command quietly, as with any Unix tool.
    sigpipe::reset();
    cli::main()
}
