//! The command `arancini`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    arancini::main()
}
