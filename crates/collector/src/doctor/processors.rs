//! Rows about processors: cores for the workers, NUMA nodes, and transparent huge pages.

use std::collections::BTreeSet;

use super::cards::cards;
use super::host::HostReader;
use super::lists::{read_list, write_list};
use super::report::{Level, Row};
use crate::config::Config;

const NODES: &str = "/sys/devices/system/node";
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

pub(super) fn cores(host: &impl HostReader, config: &Config) -> Row {
    let allowed = host.allowed_cores();
    let usable = host.parallelism().min(allowed.len()).max(1);
    let workers = config.workers();
    let quota = if usable < allowed.len() {
        format!(", a CPU quota allows {usable} at once")
    } else {
        String::new()
    };
    let row = Row::new(
        "cores",
        format!(
            "{} allowed ({}){quota}, {workers} workers",
            allowed.len(),
            write_list(&allowed)
        ),
        "one core per worker",
        "each worker is pinned to a core; workers that share a core get only a part of its time",
    );
    if workers <= usable {
        row
    } else {
        row.fix_with(Level::Warn, format!("arancini run --workers {usable}"))
    }
}

/// Returns the cores that the workers are pinned to; all allowed cores without `listen.pin_workers`.
fn used_cores(host: &impl HostReader, config: &Config) -> Vec<usize> {
    let mut cores = host.allowed_cores();
    if config.listen.pin_workers {
        cores.truncate(config.workers());
    }
    cores
}

pub(super) fn numa(host: &impl HostReader, config: &Config) -> Row {
    const CHECK: &str = "numa";
    const WANTED: &str = "workers and network card on the same node";
    const WHY: &str = "every access to packets, batches or tables on another node crosses the interconnect, which is slower";
    let nodes: Vec<(usize, BTreeSet<usize>)> = host
        .directory(NODES)
        .iter()
        .filter_map(|name| {
            let node = name.strip_prefix("node")?.parse().ok()?;
            let cores = read_list(&host.file(&format!("{NODES}/{name}/cpulist"))?);
            Some((node, cores))
        })
        .collect();
    if nodes.len() < 2 {
        return Row::new(CHECK, "one node", WANTED, WHY);
    }
    let cores = used_cores(host, config);
    let worker_nodes: BTreeSet<usize> = nodes
        .iter()
        .filter(|(_, of_node)| cores.iter().any(|core| of_node.contains(core)))
        .map(|(node, _)| *node)
        .collect();
    // A card that belongs to no node has the number -1.
    let card_nodes: BTreeSet<usize> = cards(host)
        .iter()
        .filter_map(|card| {
            let node = host.file(&format!("/sys/class/net/{card}/device/numa_node"))?;
            node.parse().ok()
        })
        .collect();
    let mut value = format!(
        "{} nodes, workers on {}",
        nodes.len(),
        write_list(worker_nodes.iter())
    );
    if !card_nodes.is_empty() {
        value = format!("{value}, network cards on {}", write_list(card_nodes.iter()));
    }
    let row = Row::new(CHECK, value, WANTED, WHY);
    let together: BTreeSet<_> = worker_nodes.union(&card_nodes).collect();
    if together.len() <= 1 {
        return row;
    }
    let best = card_nodes.first().or(worker_nodes.first()).copied().unwrap_or(0);
    row.fix_with(
        Level::Warn,
        format!("numactl --cpunodebind={best} --membind={best} arancini run"),
    )
}

pub(super) fn huge_pages(host: &impl HostReader) -> Row {
    const CHECK: &str = "transparent huge pages";
    const WANTED: &str = "madvise or always";
    const WHY: &str = "look-ups in tables of millions of routes are random; with `never`, they need many more TLB entries and are \
                       slower";
    let Some(text) = host.file(HUGE_PAGES) else {
        return Row::new(CHECK, "not visible", WANTED, WHY);
    };
    let chosen = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or(text.as_str(), |(chosen, _)| chosen);
    let row = Row::new(CHECK, chosen, WANTED, WHY);
    if matches!(chosen, "always" | "madvise") {
        row
    } else {
        row.fix_with(Level::Warn, format!("echo madvise | sudo tee {HUGE_PAGES}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::imitated::{Imitated, config};
    use super::*;

    #[test]
    fn a_core_for_each_worker() {
        let mut host = Imitated::good();
        let row = cores(&host, &config());
        assert_eq!(
            (row.level, row.value.as_str()),
            (Level::Ok, "4 allowed (0-3), 4 workers")
        );
        host.allowed_cores = vec![1, 3];
        let row = cores(&host, &config());
        assert_eq!(
            (row.level, row.value.as_str()),
            (Level::Warn, "2 allowed (1,3), 4 workers")
        );
        assert_eq!(row.command.as_deref(), Some("arancini run --workers 2"));
    }

    #[test]
    fn a_quota_counts_as_fewer_cores() {
        let mut host = Imitated::good();
        host.parallelism = 1;
        let row = cores(&host, &config());
        assert_eq!(row.level, Level::Warn);
        assert!(row.value.contains("a CPU quota allows 1 at once"), "{row:?}");
        assert_eq!(row.command.as_deref(), Some("arancini run --workers 1"));
    }

    #[test]
    fn workers_and_card_belong_on_one_node() {
        let mut host = Imitated::good();
        let mut config = config();
        assert_eq!(numa(&host, &config).value, "one node");
        host.write("/sys/devices/system/node/node0/cpulist", "0-1");
        host.write("/sys/devices/system/node/node1/cpulist", "2-3");
        let row = numa(&host, &config);
        assert_eq!(
            (row.level, row.value.as_str()),
            (Level::Warn, "2 nodes, workers on 0-1, network cards on 0")
        );
        assert_eq!(
            row.command.as_deref(),
            Some("numactl --cpunodebind=0 --membind=0 arancini run")
        );
        config.listen.workers = 2;
        assert_eq!(numa(&host, &config).level, Level::Ok);
        host.write("/sys/class/net/eth0/device/numa_node", "1");
        let row = numa(&host, &config);
        assert_eq!(row.level, Level::Warn);
        assert_eq!(
            row.command.as_deref(),
            Some("numactl --cpunodebind=1 --membind=1 arancini run")
        );
        host.write("/sys/class/net/eth0/device/numa_node", "-1");
        assert_eq!(numa(&host, &config).level, Level::Ok);
        config.listen.pin_workers = false;
        assert_eq!(numa(&host, &config).level, Level::Warn);
    }

    #[test]
    fn huge_pages_are_allowed_or_not() {
        let mut host = Imitated::good();
        for (text, level, value) in [
            ("[always] madvise never", Level::Ok, "always"),
            ("always [madvise] never", Level::Ok, "madvise"),
            ("always madvise [never]", Level::Warn, "never"),
        ] {
            host.write(HUGE_PAGES, text);
            let row = huge_pages(&host);
            assert_eq!((row.level, row.value.as_str()), (level, value));
        }
        assert!(
            huge_pages(&host)
                .command
                .is_some_and(|command| command.contains(HUGE_PAGES))
        );
        host.remove(HUGE_PAGES);
        assert_eq!(huge_pages(&host).value, "not visible");
    }
}
