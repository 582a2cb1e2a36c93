//! The kernel's settings: what is wanted, why, and the file that sets them at boot.

use super::{HostReader, Level, Row};
use crate::config::Config;

/// A setting of the kernel and the value wanted.
#[derive(Debug)]
pub struct Sysctl {
    /// Its name.
    pub name: &'static str,
    /// The value, numbers with a space between them.
    pub value: &'static str,
    /// Whether a smaller value is as good; else a larger one is.
    pub smaller_is_fine: bool,
    /// Why.
    pub why: &'static str,
}

const fn at_least(name: &'static str, value: &'static str, why: &'static str) -> Sysctl {
    Sysctl {
        name,
        value,
        smaller_is_fine: false,
        why,
    }
}

/// What is wanted, in the order of the file.
pub const WANTED: &[Sysctl] = &[
    at_least(
        "fs.file-max",
        "2097152",
        "descriptors of the whole host: sessions, segment files, everything else",
    ),
    at_least(
        "net.core.rmem_max",
        "33554432",
        "the largest receive buffer a socket may ask for; listen.receive_buffer_bytes is cut to it",
    ),
    at_least(
        "net.core.wmem_max",
        "33554432",
        "the largest send buffer a socket may ask for, as those towards NATS",
    ),
    at_least(
        "net.ipv4.tcp_rmem",
        "4096 87380 33554432",
        "how far the kernel grows a router's receive buffer: a table dump over a long way needs megabytes in flight",
    ),
    at_least(
        "net.ipv4.tcp_wmem",
        "4096 65536 33554432",
        "how far the kernel grows the send buffer towards NATS",
    ),
    Sysctl {
        name: "net.ipv4.tcp_fin_timeout",
        value: "15",
        smaller_is_fine: true,
        why: "how long a session closed by us and not by the router keeps its memory",
    },
    at_least(
        "net.core.netdev_max_backlog",
        "10000",
        "packets waiting between card and TCP on each core; what comes above it is dropped and sent again",
    ),
    at_least(
        "net.core.somaxconn",
        "4096",
        "connections waiting to be accepted; listen.backlog is cut to it",
    ),
    at_least(
        "net.ipv4.tcp_max_syn_backlog",
        "4096",
        "connections half made, when all routers come back at once",
    ),
];

impl Sysctl {
    /// Where the kernel shows it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/sys/{}", self.name.replace('.', "/"))
    }

    /// Whether a value found is as good as the one wanted, number by number.
    fn is_met(&self, found: &str) -> bool {
        let mut found = numbers(found);
        numbers(self.value).all(|wanted| match found.next() {
            Some(found) if self.smaller_is_fine => found <= wanted,
            Some(found) => found >= wanted,
            None => false,
        })
    }

    fn row(&self, host: &impl HostReader, config: &Config) -> Row {
        let sign = if self.smaller_is_fine { "<=" } else { ">=" };
        let wanted = format!("{sign} {}", self.value);
        let command = format!("sudo sysctl -w {}=\"{}\"", self.name, self.value);
        let Some(found) = host.file(&self.path()) else {
            return Row::new(self.name, "not visible here: look on the host", wanted, self.why)
                .mend(Level::Warn, command);
        };
        // The kernel puts tabs between numbers.
        let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
        let value = numbers(&found).next().unwrap_or(0);
        let row = Row::new(self.name, found.as_str(), wanted, self.why);
        if let Some((setting, needed)) = self.needed(config)
            && value < needed
        {
            // The larger of the two, so that one command is enough.
            let value = needed.max(numbers(self.value).next().unwrap_or(0));
            return Row {
                wanted: format!(">= {value}, for {setting} = {needed}"),
                ..row
            }
            .mend(Level::Fail, format!("sudo sysctl -w {}={value}", self.name));
        }
        if self.is_met(&found) {
            row
        } else {
            row.mend(Level::Warn, command)
        }
    }

    /// The setting of ours that the kernel would silently cut, with its value.
    fn needed(&self, config: &Config) -> Option<(&'static str, u64)> {
        match self.name {
            "fs.file-max" => Some(("limits.max_sessions", config.limits.max_sessions as u64)),
            "net.core.rmem_max" => Some((
                "listen.receive_buffer_bytes",
                u64::from(config.listen.receive_buffer_bytes),
            )),
            "net.core.somaxconn" => Some(("listen.backlog", u64::from(config.listen.backlog))),
            _ => None,
        }
    }
}

fn numbers(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split_whitespace().map_while(|number| number.parse().ok())
}

pub(super) fn rows(host: &impl HostReader, config: &Config) -> Vec<Row> {
    WANTED.iter().map(|setting| setting.row(host, config)).collect()
}

/// The file to install as `/etc/sysctl.d/99-arancini.conf`.
#[must_use]
pub fn file() -> String {
    let mut text = "# Kernel settings for Arancini, as `arancini doctor --print-sysctl` prints them.\n\
                    #   sudo install -m 644 99-arancini.conf /etc/sysctl.d/ && sudo sysctl --system\n\
                    # Leave a line out where the host has more already (`sysctl NAME`): it would lower it.\n"
        .to_owned();
    for setting in WANTED {
        text += &format!("\n# {}\n{} = {}\n", setting.why, setting.name, setting.value);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::host::imitated::{Imitated, config};
    use super::*;

    /// The row of a setting on a host where it has this value.
    fn row(name: &str, value: &str) -> Row {
        let mut host = Imitated::good();
        let setting = WANTED.iter().find(|setting| setting.name == name).unwrap();
        host.write(&setting.path(), value);
        setting.row(&host, &config())
    }

    #[test]
    fn what_is_wanted_is_ok() {
        for row in rows(&Imitated::good(), &config()) {
            assert_eq!((row.level, row.command), (Level::Ok, None), "{}", row.check);
        }
    }

    #[test]
    fn less_warns_and_more_is_fine() {
        for setting in WANTED {
            let worse = |number| {
                if setting.smaller_is_fine {
                    number + 1
                } else {
                    number - 1
                }
            };
            let all: Vec<u64> = numbers(setting.value).collect();
            for index in 0..all.len() {
                let mut changed = all.clone();
                changed[index] = worse(all[index]);
                let text: Vec<String> = changed.iter().map(u64::to_string).collect();
                let row = row(setting.name, &text.join("\t"));
                assert_ne!(row.level, Level::Ok, "{row:?}");
                assert_eq!(row.value, text.join(" "));
                let command = row.command.unwrap();
                assert_eq!(
                    command.replace('"', ""),
                    format!("sudo sysctl -w {}={}", setting.name, setting.value)
                );
            }
        }
        assert_eq!(row("net.ipv4.tcp_fin_timeout", "10").level, Level::Ok);
        assert_eq!(
            row("net.ipv4.tcp_rmem", "4096\t131072\t67108864").level,
            Level::Ok
        );
        assert_eq!(row("fs.file-max", "9223372036854775807").level, Level::Ok);
    }

    #[test]
    fn what_the_kernel_would_silently_cut_fails() {
        let mut config = config();
        let host = Imitated::good();
        config.listen.backlog = 8192;
        config.listen.receive_buffer_bytes = 64 << 20;
        let failed: Vec<_> = rows(&host, &config)
            .into_iter()
            .filter(|row| row.level == Level::Fail)
            .map(|row| row.command.unwrap())
            .collect();
        assert_eq!(
            failed,
            [
                "sudo sysctl -w net.core.rmem_max=67108864",
                "sudo sysctl -w net.core.somaxconn=8192"
            ]
        );
        assert_eq!(row("fs.file-max", "4000").level, Level::Fail);
    }

    #[test]
    fn what_is_not_visible_warns() {
        let mut host = Imitated::good();
        host.remove("/proc/sys/net");
        let rows = rows(&host, &config());
        assert_eq!(rows.iter().filter(|row| row.level == Level::Warn).count(), 8);
        assert!(
            rows.iter()
                .all(|row| (row.level == Level::Warn) == row.command.is_some())
        );
    }
}
