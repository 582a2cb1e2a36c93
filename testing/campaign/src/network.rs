//! Where processes and routers run: on this host's loopback, or each side in a network namespace of its own. The
//! namespaces hang on a bridge by cables that can be cut and mended.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use arancini_bed::host::Host;
use arancini_bed::router::router_address;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const COLLECTOR: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
const BROKER: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 2);

/// Where collector, broker and routers run.
#[derive(Debug, Clone)]
pub struct Places {
    /// The collector's address, in the namespace of the campaign itself.
    pub collector: Ipv4Addr,
    /// The broker's host.
    pub broker: Host,
    /// The namespace of the routers; `None` is the campaign's own.
    pub routers: Option<String>,
}

impl Places {
    /// Everything on the loopback.
    #[must_use]
    pub const fn local() -> Self {
        Self {
            collector: Ipv4Addr::LOCALHOST,
            broker: Host::local(),
            routers: None,
        }
    }

    /// The address of a router.
    #[must_use]
    pub const fn router(&self, number: u8) -> IpAddr {
        match self.routers {
            None => router_address(number),
            Some(_) => IpAddr::V4(Ipv4Addr::new(10, 98, 1, number)),
        }
    }
}

/// A cable between the bridge and a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cable {
    /// The cable to the broker.
    Broker,
    /// The cable to all routers.
    Routers,
}

/// How a cable is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Behind a switch: packets vanish, and no host notices.
    Silent,
    /// At the host: its interface loses the carrier.
    Carrier,
}

impl Cable {
    const fn port(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Routers => "routers",
        }
    }
}

/// A bridge in a namespace of its own, and a namespace for each side. Dropping the value removes them all; stop the
/// processes in them first.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    namespaces: Vec<String>,
}

impl Network {
    /// Why there can be no such network on this host; `None` if there can be one.
    #[must_use]
    pub fn unavailable() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("network namespaces need root".to_owned());
        }
        match Self::new(1) {
            Ok(_) => None,
            Err(error) => Some(format!("no network namespaces: {error}")),
        }
    }

    /// Makes the network for this number of routers.
    ///
    /// # Errors
    /// This host allows no namespaces. What was made until then is removed again.
    pub fn new(routers: u8) -> io::Result<Self> {
        let mut network = Self {
            prefix: format!("arancini-campaign-{}", std::process::id()),
            namespaces: Vec::new(),
        };
        let switch = network.namespace("switch")?;
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "br0", "up"])?;
        network.side("collector", &[COLLECTOR])?;
        network.side("broker", &[BROKER])?;
        let addresses: Vec<Ipv4Addr> = (1..=routers)
            .map(|number| Ipv4Addr::new(10, 98, 1, number))
            .collect();
        network.side("routers", &addresses)?;
        Ok(network)
    }

    /// The addresses and namespaces of a campaign that runs [inside](Self::enter).
    #[must_use]
    pub fn places(&self) -> Places {
        Places {
            collector: COLLECTOR,
            broker: Host {
                address: BROKER,
                namespace: Some(self.name("broker")),
            },
            routers: Some(self.name("routers")),
        }
    }

    /// Moves this thread into the collector's namespace while the returned value lives. Threads and processes that it
    /// starts meanwhile are there too.
    pub fn enter(&self) -> io::Result<Inside> {
        let before = File::open("/proc/thread-self/ns/net")?;
        enter(&self.name("collector"))?;
        Ok(Inside { before })
    }

    /// Cuts a cable.
    pub fn cut(&self, cable: Cable, how: Cut) -> io::Result<()> {
        self.set(
            cable,
            if how == Cut::Silent {
                &["nomaster"]
            } else {
                &["down"]
            },
        )
    }

    /// Mends a cable, however it was cut.
    pub fn mend(&self, cable: Cable) -> io::Result<()> {
        self.set(cable, &["up"])?;
        self.set(cable, &["master", "br0"])
    }

    fn set(&self, cable: Cable, how: &[&str]) -> io::Result<()> {
        let switch = self.name("switch");
        let mut arguments = vec!["-n", &switch, "link", "set", cable.port()];
        arguments.extend(how);
        ip(&arguments)
    }

    fn name(&self, side: &str) -> String {
        format!("{}-{side}", self.prefix)
    }

    fn namespace(&mut self, side: &str) -> io::Result<String> {
        let name = self.name(side);
        ip(&["netns", "add", &name])?;
        self.namespaces.push(name.clone());
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        Ok(name)
    }

    fn side(&mut self, side: &str, addresses: &[Ipv4Addr]) -> io::Result<()> {
        let name = self.namespace(side)?;
        let switch = self.name("switch");
        let mut link = vec!["-n", &switch, "link", "add", side, "type", "veth"];
        link.extend(["peer", "name", "eth0", "netns", &name]);
        ip(&link)?;
        ip(&["-n", &switch, "link", "set", side, "master", "br0", "up"])?;
        ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        for address in addresses {
            let address = format!("{address}/16");
            ip(&["-n", &name, "addr", "add", &address, "dev", "eth0"])?;
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.namespaces.drain(..).rev() {
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

/// Dropping the value moves the thread back into the namespace where it was.
#[derive(Debug)]
pub struct Inside {
    before: File,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = move_into_link_name_space(self.before.as_fd(), Some(LinkNameSpaceType::Network));
    }
}

/// Moves this thread into a namespace for good.
pub fn enter(namespace: &str) -> io::Result<()> {
    let there = File::open(Path::new("/run/netns").join(namespace))?;
    Ok(move_into_link_name_space(
        there.as_fd(),
        Some(LinkNameSpaceType::Network),
    )?)
}

/// The kernel's table of TCP sockets in a namespace.
pub fn tcp_table(namespace: Option<&str>) -> io::Result<String> {
    let Some(namespace) = namespace else {
        return std::fs::read_to_string("/proc/thread-self/net/tcp");
    };
    let output = Command::new("ip")
        .args(["netns", "exec", namespace, "cat", "/proc/net/tcp"])
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let text = format!("ip {}: {}", arguments.join(" "), said.trim());
    Err(io::Error::other(text))
}
