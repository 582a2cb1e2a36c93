//! Where a process runs: this host, or a network namespace with an address of its own.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

/// An address and the network namespace that has it.
#[derive(Debug, Clone)]
pub struct Host {
    /// The address that servers on this host listen on.
    pub address: Ipv4Addr,
    /// The namespace's name; `None` is the namespace of the caller.
    pub namespace: Option<String>,
}

impl Host {
    /// The loopback of the caller's own namespace.
    #[must_use]
    pub const fn local() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            namespace: None,
        }
    }

    /// A command that runs the program on this host.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let Some(namespace) = &self.namespace else {
            return Command::new(program);
        };
        // `ip` replaces itself by the program, so signals reach the program.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command
    }
}
