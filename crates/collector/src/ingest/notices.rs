//! Notices of the core as log lines, with a limit per router.

use std::collections::HashMap;
use std::net::IpAddr;

use arancini_core::notice::Notices;
use arancini_core::{Notice, NoticeKind};
use tracing::{info, warn};

/// Log lines that one router may cause within one period.
const LINES_PER_PERIOD: u32 = 20;
/// Length of a period.
const PERIOD_NS: u64 = 10_000_000_000;
/// Routers whose lines are counted separately. When there are more, counting starts again for all of them.
const MAX_ROUTERS: usize = 10_000;

/// Writes notices of the core to the log.
#[derive(Default)]
pub struct NoticeLog {
    routers: HashMap<IpAddr, Budget>,
}

struct Budget {
    period_start_ns: u64,
    lines: u32,
    suppressed: u64,
}

impl NoticeLog {
    /// Logs the notices so far.
    pub fn log(&mut self, notices: &mut Notices, now_ns: u64) {
        while let Some(notice) = notices.pop() {
            if self.may_log(notice.router, now_ns) {
                write(&notice);
            }
        }
        let dropped = notices.take_dropped();
        if dropped > 0 {
            warn!(
                dropped,
                "notices dropped: more happened than could be logged; the metrics count every event"
            );
        }
    }

    fn may_log(&mut self, router: IpAddr, now_ns: u64) -> bool {
        if self.routers.len() >= MAX_ROUTERS && !self.routers.contains_key(&router) {
            self.routers.clear();
        }
        let budget = self.routers.entry(router).or_insert(Budget {
            period_start_ns: now_ns,
            lines: 0,
            suppressed: 0,
        });
        if now_ns.saturating_sub(budget.period_start_ns) >= PERIOD_NS {
            if budget.suppressed > 0 {
                info!(%router, suppressed = budget.suppressed, "log lines suppressed: this router caused too many; the metrics count every event");
            }
            *budget = Budget {
                period_start_ns: now_ns,
                lines: 0,
                suppressed: 0,
            };
        }
        budget.lines += 1;
        let may = budget.lines <= LINES_PER_PERIOD;
        budget.suppressed += u64::from(!may);
        may
    }
}

fn write(notice: &Notice) {
    let router = notice.router;
    let peer = notice
        .peer
        .map_or_else(|| "-".to_owned(), |peer| peer.to_string());
    match &notice.what {
        NoticeKind::Malformed(reason) => {
            warn!(%router, %peer, %reason, "message skipped: it can't be parsed; its bytes are published on the malformed subject");
        }
        NoticeKind::Quirk(quirk) => {
            info!(%router, %peer, quirk = quirk.name(), "router deviates from the RFC; the collector handles it, see docs/interop.md");
        }
        NoticeKind::PeerLimit => {
            warn!(%router, "peer limit reached: messages of further peers are skipped; raise limits.max_peers_per_router");
        }
        NoticeKind::SessionEnded(reason) => {
            info!(%router, %reason, "session ended; its routes are kept for routers.session_hold_ms")
        }
        NoticeKind::Back => {
            info!(%router, "router is back; routes that it announces again unchanged are not published again")
        }
        NoticeKind::HoldExpired => {
            warn!(%router, "router did not come back in time; its routes are withdrawn")
        }
        NoticeKind::PeerUp => info!(%router, %peer, "peer up"),
        NoticeKind::PeerDown(reason) => info!(%router, %peer, reason, "peer down; its routes are withdrawn"),
    }
}
