//! The runtime of commands that wait for the network.

use crate::exit::FAILED;

/// Runs a short command that waits for the network, on a runtime of its own.
pub(crate) fn block_on<T>(command: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            eprintln!("arancini: can't start a runtime: {error}; check the limit of open files (ulimit -n)");
            std::process::exit(i32::from(FAILED))
        }
    }
}
