//! Rows about network cards: receive queues for the workers, and the cores that handle the interrupts.

use std::collections::{BTreeMap, BTreeSet};

use super::cards::{CARDS, cards};
use super::host::HostReader;
use super::lists::write_list;
use super::report::{Level, Row};
use crate::config::Config;

const QUEUES_WHY: &str = "one core at a time serves a queue; with fewer queues than workers, the network work of the kernel \
                          falls on a few cores";
const INTERRUPTS_WHY: &str =
    "the core that receives an interrupt also processes its packets before a worker sees them";

/// Returns the rows of all cards that are up; a single row if no card is visible.
pub(super) fn rows(host: &impl HostReader, config: &Config) -> Vec<Row> {
    let cards = cards(host);
    if cards.is_empty() {
        let value = "no network card is visible (container, or only virtual interfaces)";
        return vec![Row::new(
            "network queues",
            value,
            "one receive queue per worker",
            QUEUES_WHY,
        )];
    }
    cards
        .iter()
        .flat_map(|card| [Some(queues(host, config, card)), interrupts(host, card)])
        .flatten()
        .collect()
}

fn queues(host: &impl HostReader, config: &Config, card: &str) -> Row {
    let queues: Vec<String> = host
        .directory(&format!("{CARDS}/{card}/queues"))
        .into_iter()
        .filter(|queue| queue.starts_with("rx-"))
        .collect();
    // With receive packet steering, the kernel distributes the packets of a queue over these cores.
    let steered = queues
        .iter()
        .filter_map(|queue| host.file(&format!("{CARDS}/{card}/queues/{queue}/rps_cpus")))
        .map(|mask| cores_in_mask(&mask))
        .max()
        .unwrap_or(0);
    let wanted = config.workers().min(host.allowed_cores().len()).max(1);
    let steering = match steered {
        0 => String::new(),
        cores => format!(", steered to {cores} cores"),
    };
    let row = Row::new(
        format!("{card} queues"),
        format!("{} receive{steering}", queues.len()),
        format!("{wanted} receive queues, or packets steered to {wanted} cores"),
        QUEUES_WHY,
    );
    if queues.len().max(steered) >= wanted {
        return row;
    }
    row.fix_with(
        Level::Warn,
        format!(
            "sudo ethtool -L {card} combined {wanted} || echo {} | sudo tee {CARDS}/{card}/queues/rx-*/rps_cpus",
            mask_of(&host.allowed_cores())
        ),
    )
}

/// Returns a row about the cores that have handled the interrupts of a card so far; `None` if the interrupts are not visible
/// or if the card has only one.
fn interrupts(host: &impl HostReader, card: &str) -> Option<Row> {
    // The interrupts of a virtio card belong to the PCI device above it.
    let own: BTreeSet<String> = ["device/msi_irqs", "device/../msi_irqs"]
        .iter()
        .flat_map(|place| host.directory(&format!("{CARDS}/{card}/{place}")))
        .collect();
    let counts = counts(&host.file("/proc/interrupts")?);
    // The busiest core of each interrupt that has occurred at least once.
    let busy: BTreeMap<&str, usize> = own
        .iter()
        .filter_map(|interrupt| {
            let (count, core) = counts
                .get(interrupt)?
                .iter()
                .map(|&(core, count)| (count, core))
                .max()?;
            (count > 0).then_some((interrupt.as_str(), core))
        })
        .collect();
    if busy.len() < 2 {
        return None;
    }
    let cores: BTreeSet<usize> = busy.values().copied().collect();
    let allowed = host.allowed_cores();
    let row = Row::new(
        format!("{card} interrupts"),
        format!("{} interrupts on cores {}", busy.len(), write_list(&cores)),
        "distributed over the cores",
        INTERRUPTS_WHY,
    );
    if cores.len() > 1 || allowed.len() < 2 {
        return Some(row);
    }
    let commands: Vec<String> = busy
        .keys()
        .zip(allowed.iter().cycle())
        .map(|(interrupt, core)| format!("echo {core} > /proc/irq/{interrupt}/smp_affinity_list"))
        .collect();
    Some(row.fix_with(Level::Warn, format!("sudo sh -c '{}'", commands.join("; "))))
}

/// Parses `/proc/interrupts`: for each interrupt, how often it occurred on each core.
fn counts(text: &str) -> BTreeMap<String, Vec<(usize, u64)>> {
    let mut lines = text.lines();
    let cores: Vec<usize> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|name| name.strip_prefix("CPU")?.parse().ok())
        .collect();
    lines
        .filter_map(|line| {
            let (interrupt, rest) = line.split_once(':')?;
            let numbers = rest.split_whitespace().map_while(|count| count.parse().ok());
            Some((
                interrupt.trim().to_owned(),
                cores.iter().copied().zip(numbers).collect(),
            ))
        })
        .collect()
}

/// Returns how many bits are set in a mask like `ff,00000001`.
fn cores_in_mask(mask: &str) -> usize {
    let digits = mask.chars().filter_map(|digit| digit.to_digit(16));
    digits.map(|digit| digit.count_ones() as usize).sum()
}

/// Returns the mask of these cores in groups of 32 bits, the highest group first.
fn mask_of(cores: &[usize]) -> String {
    let mut groups = vec![0_u32; cores.iter().max().map_or(1, |last| last / 32 + 1)];
    for core in cores {
        if let Some(group) = groups.get_mut(core / 32) {
            *group |= 1 << (core % 32);
        }
    }
    let mut groups = groups.iter().rev();
    let mut text = groups
        .next()
        .map_or_else(String::new, |first| format!("{first:x}"));
    for group in groups {
        text += &format!(",{group:08x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::imitated::{Imitated, config};
    use super::*;

    #[test]
    fn a_card_with_a_queue_and_an_interrupt_for_each_worker() {
        let rows = rows(&Imitated::good(), &config());
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row.check.as_str(), row.level, row.value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("eth0 queues", Level::Ok, "4 receive"),
                ("eth0 interrupts", Level::Ok, "4 interrupts on cores 0-3"),
            ]
        );
    }

    #[test]
    fn one_queue_warns_until_packets_are_steered() {
        let mut host = Imitated::good();
        for queue in 1..4 {
            host.remove(&format!("/sys/class/net/eth0/queues/rx-{queue}"));
        }
        let row = queues(&host, &config(), "eth0");
        assert_eq!((row.level, row.value.as_str()), (Level::Warn, "1 receive"));
        assert_eq!(
            row.command.as_deref(),
            Some(
                "sudo ethtool -L eth0 combined 4 || echo f | sudo tee /sys/class/net/eth0/queues/rx-*/rps_cpus"
            )
        );
        host.write("/sys/class/net/eth0/queues/rx-0/rps_cpus", "f");
        let row = queues(&host, &config(), "eth0");
        assert_eq!(
            (row.level, row.value.as_str()),
            (Level::Ok, "1 receive, steered to 4 cores")
        );
    }

    #[test]
    fn interrupts_on_one_core_warn() {
        let mut host = Imitated::good();
        host.write(
            "/proc/interrupts",
            "           CPU0       CPU1\n 40:  5  7  PCI-MSIX 0-edge eth0-0\n 41:  1  9  PCI-MSIX 1-edge eth0-1\n",
        );
        let row = interrupts(&host, "eth0").unwrap();
        assert_eq!(
            (row.level, row.value.as_str()),
            (Level::Warn, "2 interrupts on cores 1")
        );
        assert_eq!(
            row.command.as_deref(),
            Some(
                "sudo sh -c 'echo 0 > /proc/irq/40/smp_affinity_list; echo 1 > /proc/irq/41/smp_affinity_list'"
            )
        );
    }

    #[test]
    fn a_virtio_card_has_its_interrupts_one_device_up() {
        let mut host = Imitated::good();
        host.remove("/sys/class/net/eth0/device/msi_irqs");
        assert_eq!(interrupts(&host, "eth0"), None);
        host.write("/sys/class/net/eth0/device/../msi_irqs/40", "msix");
        host.write("/sys/class/net/eth0/device/../msi_irqs/42", "msix");
        assert_eq!(
            interrupts(&host, "eth0").unwrap().value,
            "2 interrupts on cores 0,2"
        );
    }

    #[test]
    fn no_card_is_no_fault() {
        let mut host = Imitated::good();
        host.write("/sys/class/net/eth0/operstate", "down");
        let rows = rows(&host, &config());
        assert_eq!((rows.len(), rows[0].level), (1, Level::Ok));
        assert!(rows[0].value.starts_with("no network card"));
    }

    #[test]
    fn masks() {
        assert_eq!(mask_of(&[0, 1]), "3");
        assert_eq!(mask_of(&[1, 33]), "2,00000002");
        assert_eq!(mask_of(&[]), "0");
        assert_eq!(cores_in_mask("2,00000003\n"), 3);
        assert_eq!(cores_in_mask("0"), 0);
    }
}
