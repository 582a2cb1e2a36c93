//! Rows about kernel settings: the values of this host against the recommended ones and the configured ones.

use super::host::HostReader;
use super::report::{Level, Row};
use super::sysctl::{Bound, Sysctl, WANTED};
use crate::config::Config;

/// Returns a row for each recommended setting.
pub(super) fn rows(host: &impl HostReader, config: &Config) -> Vec<Row> {
    WANTED.iter().map(|setting| setting.row(host, config)).collect()
}

impl Sysctl {
    /// Returns whether the found value meets the recommendation, number by number.
    fn is_met(&self, found: &str) -> bool {
        let mut found = numbers(found);
        numbers(self.value).all(|wanted| match found.next() {
            Some(found) => match self.bound {
                Bound::AtLeast => found >= wanted,
                Bound::AtMost => found <= wanted,
            },
            None => false,
        })
    }

    /// Compares the setting on this host with the recommendation and with the configuration.
    fn row(&self, host: &impl HostReader, config: &Config) -> Row {
        let sign = match self.bound {
            Bound::AtLeast => ">=",
            Bound::AtMost => "<=",
        };
        let wanted = format!("{sign} {}", self.value);
        let command = format!("sudo sysctl -w {}=\"{}\"", self.name, self.value);
        let Some(found) = host.file(&self.path()) else {
            return Row::new(
                self.name,
                "not visible in this container; check the setting on the host",
                wanted,
                self.why,
            )
            .fix_with(Level::Warn, command);
        };
        // The kernel separates numbers by tabs.
        let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
        let value = numbers(&found).next().unwrap_or(0);
        let row = Row::new(self.name, found.as_str(), wanted, self.why);
        if let Some((setting, needed)) = self.needed(config)
            && value < needed
        {
            // The larger of the needed and the recommended value, so that one command is enough.
            let value = needed.max(numbers(self.value).next().unwrap_or(0));
            return Row {
                wanted: format!(">= {value}, for {setting} = {needed}"),
                ..row
            }
            .fix_with(Level::Fail, format!("sudo sysctl -w {}={value}", self.name));
        }
        if self.is_met(&found) {
            row
        } else {
            row.fix_with(Level::Warn, command)
        }
    }

    /// Returns the setting of the collector that the kernel would silently cut, with its value.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::imitated::{Imitated, config};
    use super::*;

    /// Returns the row of a setting on a host where the setting has this value.
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
            let worse = |number| match setting.bound {
                Bound::AtMost => number + 1,
                Bound::AtLeast => number - 1,
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
