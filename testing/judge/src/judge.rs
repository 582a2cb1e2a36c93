//! The judge: hears the stream message by message, and writes each broken promise down.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::book::{Book, Held};
use crate::finding::{Finding, Findings};
use crate::message::{Kind, Messages, Said, Synthetic, What, Withdrawn};
use crate::order::{Order, Place};
use crate::route::{Route, Scope, Table};
use crate::sequences::Sequences;

/// Whether a promise holds for a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rule {
    /// The stream keeps it, or the judge writes a finding down.
    #[default]
    Holds,
    /// Nobody can keep it for this stream, so nothing is judged by it.
    Unknown,
}

/// Which promises hold for a stream. The default is all of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Sequences rise within each subject.
    pub order: Rule,
    /// Events are barriers of their router. The series of a segment directory have no order among each other.
    pub barriers: Rule,
    /// Nothing is withdrawn that consumers do not hold, nothing is announced as they hold it, and a resync that ends has
    /// begun. In a resync, routes may be withdrawn that consumers do not hold. Unknown where the stream has lost messages.
    pub truth: Rule,
    /// A resync whose end says that all is withdrawn leaves nothing to sweep.
    pub withdrawn: Rule,
    /// When consumers sweep.
    pub sweeps: Sweeps,
}

/// At which ends of resyncs a consumer drops the routes that were not announced since the begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sweeps {
    /// At each.
    #[default]
    Always,
    /// At those that do not say that all is withdrawn.
    WhereNeeded,
    /// At none: it applies updates alone.
    Never,
}

/// What the judge knows of a router besides its routes.
#[derive(Debug, Default)]
struct Router {
    seen: Sequences,
    /// Resyncs begun so far.
    epoch: u32,
    /// Resyncs that have not ended, with their epochs.
    open: Vec<(Scope, u32)>,
    /// The sequence of the last begin of a resync.
    resynced: Option<u64>,
}

/// Where a table stands in the resyncs of its router.
struct Resync {
    /// The router's present epoch.
    epoch: u32,
    /// The epoch since which the table is owed an announce of every route; 0 outside of a resync.
    owed_since: u32,
}

/// The judge of one stream.
#[derive(Debug)]
pub struct Judge<B> {
    /// What consumers hold so far.
    pub book: B,
    /// The promises that the stream broke so far.
    pub findings: Findings,
    /// Announces so far.
    pub announces: u64,
    /// Withdraws so far.
    pub withdraws: u64,
    /// Withdraws that the collector made by itself so far.
    pub synthetic_withdraws: u64,
    /// Resyncs begun so far.
    pub resyncs: u64,
    /// Resyncs so far that ended and said that all is withdrawn.
    pub resyncs_all_withdrawn: u64,
    rules: Rules,
    order: Order,
    routers: HashMap<IpAddr, Router>,
}

impl<B: Book> Judge<B> {
    /// A judge that has heard nothing.
    #[must_use]
    pub fn new(book: B, rules: Rules) -> Self {
        Self {
            book,
            findings: Findings::default(),
            announces: 0,
            withdraws: 0,
            synthetic_withdraws: 0,
            resyncs: 0,
            resyncs_all_withdrawn: 0,
            rules,
            order: Order::default(),
            routers: HashMap::new(),
        }
    }

    /// Hears a message of the broker: a payload and the subject under which it stands, without its base.
    pub fn payload(&mut self, stands: &str, payload: &[u8]) {
        let Some(kind) = stands.split('.').next().and_then(Kind::of_word) else {
            self.findings.add(Finding::Unreadable {
                place: stands.to_owned(),
                cause: "the subject names no kind of message".to_owned(),
            });
            return;
        };
        let mut belongs = None;
        for said in Messages::new(kind, payload) {
            let said = match said {
                Ok(said) => said,
                Err(unreadable) => return self.unreadable(stands, &unreadable),
            };
            if belongs != Some(said.subject) {
                belongs = Some(said.subject);
                if said.subject.to_string() != stands {
                    self.findings.add(Finding::WrongSubject {
                        stands: stands.to_owned(),
                        belongs: said.subject,
                    });
                }
            }
            self.place(&said);
            self.take(&said);
        }
    }

    /// Writes down that something can't be read.
    pub fn unreadable(&mut self, place: &str, cause: &dyn std::fmt::Display) {
        self.findings.add(Finding::Unreadable {
            place: place.to_owned(),
            cause: cause.to_string(),
        });
    }

    /// Judges where a message stands: its sequence is new, above its subject's last one, and keeps the barriers.
    pub fn place(&mut self, said: &Said<B::Value>) {
        if !self.is_new(said) {
            return;
        }
        let place = Place {
            subject: said.subject,
            first: said.sequence,
            last: said.sequence,
        };
        self.batch(&place);
    }

    /// Judges where a batch stands whose messages rise by themselves.
    pub fn batch(&mut self, place: &Place) {
        if self.rules.order == Rule::Holds
            && let Err(finding) = self.order.rises(place)
        {
            self.findings.add(*finding);
            return;
        }
        if self.rules.barriers == Rule::Holds
            && let Err(finding) = self.order.keeps_barriers(place)
        {
            self.findings.add(*finding);
        }
    }

    /// Judges that no message of the router had this sequence before.
    pub fn is_new(&mut self, said: &Said<B::Value>) -> bool {
        let Said {
            subject, sequence, ..
        } = said;
        let is_new = self.router(subject.router).seen.insert(*sequence);
        if !is_new {
            self.findings.add(Finding::SameSequence {
                subject: *subject,
                sequence: *sequence,
            });
        }
        is_new
    }

    /// Judges what a message says, and writes it into the book.
    pub fn take(&mut self, said: &Said<B::Value>) {
        let (router, sequence) = (said.subject.router, said.sequence);
        if !self.book.knows(said.subject.kind) {
            self.findings.add(Finding::Unexpected {
                subject: said.subject,
                sequence,
            });
        }
        match &said.what {
            What::Announce {
                route,
                fingerprint,
                value,
            } => self.announce(route, sequence, *fingerprint, value.clone()),
            What::Withdraw { route, synthetic } => {
                self.synthetic_withdraws += u64::from(*synthetic == Synthetic::Yes);
                self.withdraw(route, sequence);
            }
            What::ResyncBegins(scope) => self.resync_begins(router, sequence, *scope),
            What::ResyncEnds(scope, withdrawn) => self.resync_ends(router, sequence, *scope, *withdrawn),
            What::Event => {}
        }
    }

    fn announce(&mut self, route: &Route, sequence: u64, fingerprint: u64, value: B::Value) {
        self.announces += 1;
        let Resync { epoch, owed_since } = self.resync_of(&route.table);
        let held = Held {
            fingerprint,
            epoch,
            value,
        };
        let finding = match self.book.announce(route, held) {
            Err(foreign) => self.foreign(route, sequence, foreign.0),
            Ok(Some(before)) if before.fingerprint == fingerprint && before.epoch >= owed_since => {
                Finding::AnnouncedAsHeld {
                    route: Box::new(route.clone()),
                    sequence,
                }
            }
            Ok(_) => return,
        };
        self.doubt(finding);
    }

    fn withdraw(&mut self, route: &Route, sequence: u64) {
        self.withdraws += 1;
        let finding = match self.book.withdraw(route) {
            Err(foreign) => self.foreign(route, sequence, foreign.0),
            // It is not known what consumers hold.
            Ok(None) if self.resync_of(&route.table).owed_since > 0 => return,
            Ok(None) => Finding::WithdrawnUnheld {
                route: Box::new(route.clone()),
                sequence,
            },
            Ok(Some(_)) => return,
        };
        self.doubt(finding);
    }

    fn resync_begins(&mut self, router: IpAddr, sequence: u64, scope: Scope) {
        self.resyncs += 1;
        let state = self.router(router);
        state.epoch += 1;
        state.resynced = Some(sequence);
        state.open.retain(|(open, _)| *open != scope);
        state.open.push((scope, state.epoch));
    }

    fn resync_ends(&mut self, router: IpAddr, sequence: u64, scope: Scope, withdrawn: Withdrawn) {
        let state = self.router(router);
        match state.open.iter().position(|(open, _)| *open == scope) {
            Some(open) => {
                let (_, epoch) = state.open.swap_remove(open);
                if scope == Scope::EVERYTHING {
                    // It also ends the resyncs of parts that began before.
                    state.open.retain(|(_, part)| *part > epoch);
                }
                self.resyncs_all_withdrawn += u64::from(withdrawn == Withdrawn::All);
                let sweeps = match self.rules.sweeps {
                    Sweeps::Always => true,
                    Sweeps::WhereNeeded => withdrawn == Withdrawn::Known,
                    Sweeps::Never => false,
                };
                if !sweeps {
                    return;
                }
                let routes = self.book.give_up(router, &scope, epoch);
                let is_false = routes > 0 && withdrawn == Withdrawn::All;
                if is_false && self.rules.withdrawn == Rule::Holds {
                    self.findings.add(Finding::LeftToSweep {
                        router,
                        sequence,
                        scope,
                        routes,
                    });
                }
            }
            None => self.doubt(Finding::EndWithoutBegin {
                router,
                sequence,
                scope,
            }),
        }
    }

    fn resync_of(&mut self, table: &Table) -> Resync {
        let state = self.router(table.router);
        let open = state.open.iter().filter(|(scope, _)| scope.holds(table));
        Resync {
            epoch: state.epoch,
            owed_since: open.map(|(_, epoch)| *epoch).max().unwrap_or(0),
        }
    }

    fn foreign(&self, route: &Route, sequence: u64, cause: &'static str) -> Finding {
        Finding::Foreign {
            route: Box::new(route.clone()),
            sequence,
            cause,
        }
    }

    /// Writes a finding down that a hole in the stream could explain.
    fn doubt(&mut self, finding: Finding) {
        if self.rules.truth == Rule::Holds || matches!(finding, Finding::Foreign { .. }) {
            self.findings.add(finding);
        }
    }

    /// Announces and withdraws so far.
    #[must_use]
    pub const fn updates(&self) -> u64 {
        self.announces + self.withdraws
    }

    /// The sequence at which the last resync of a router began, if one did.
    #[must_use]
    pub fn resynced(&self, router: IpAddr) -> Option<u64> {
        self.routers.get(&router)?.resynced
    }

    /// Resyncs that began and have not ended.
    #[must_use]
    pub fn open_resyncs(&self) -> usize {
        self.routers.values().map(|router| router.open.len()).sum()
    }

    /// Sequences between the first and the last one of each router that no message has. A collector that lost nothing and
    /// was not started again leaves none out.
    #[must_use]
    pub fn sequences_left_out(&self) -> u64 {
        self.routers.values().map(|router| router.seen.left_out()).sum()
    }

    fn router(&mut self, router: IpAddr) -> &mut Router {
        self.routers.entry(router).or_default()
    }
}
