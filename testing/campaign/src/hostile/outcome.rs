//! The outcome of an attack, as a row of the report.

use std::time::Duration;

use super::attack::Attack;
use super::honest::Noticed;
use super::witness::Witnessed;

/// The outcome of an attack.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attack.
    pub attack: Attack,
    /// Number of connections, messages or sessions of the attack.
    pub strikes: u64,
    /// Largest resident memory of the collector, in KiB.
    pub peak_memory_kib: u64,
    /// The longest turn of a worker, in CPU time.
    pub longest_turn: Duration,
    /// Share of the attack's time in which the publish window was full.
    pub window_full: f64,
    /// What the witness saw of the broker and of the machine meanwhile.
    pub witnessed: Witnessed,
    /// What the honest router noticed.
    pub noticed: Noticed,
    /// Counters that rose during the attack.
    pub counters: Vec<(&'static str, u64)>,
    /// Whether the collector ended by itself.
    pub died: Option<String>,
}

impl Outcome {
    /// Whether the broker had room for all but one in a hundred updates: the publish window was full for at most one
    /// hundredth of the time, and the broker acknowledged the messages of the witness, which pass no collector, within this
    /// time.
    #[must_use]
    pub fn broker_had_room(&self, within: Duration) -> bool {
        self.window_full <= 0.01 && self.witnessed.broker_p99 <= within
    }

    /// A row of the report, with the bounds that the attack broke.
    #[must_use]
    pub fn row(&self, broken: &[String]) -> String {
        let counters: Vec<String> = self
            .counters
            .iter()
            .map(|(name, by)| {
                let short = name
                    .replace("_total", "")
                    .replace("{reason=\"", " ")
                    .replace("\"}", "");
                format!("`{short}` {by}")
            })
            .collect();
        let ms = |duration: Duration| format!("{:.1}", duration.as_secs_f64() * 1000.0);
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {:.1} | {} of {} | {} | {} |",
            self.attack.name(),
            self.strikes,
            self.peak_memory_kib / 1024,
            ms(self.noticed.p50),
            ms(self.noticed.p99),
            ms(self.noticed.longest),
            ms(self.noticed.p99_to_worker),
            ms(self.noticed.p99_to_broker),
            ms(self.witnessed.broker_p99),
            ms(self.noticed.p99_to_consumer),
            self.longest_turn.as_secs_f64() * 1000.0,
            self.witnessed.noise.as_secs_f64() * 1000.0,
            100.0 * self.window_full,
            self.noticed.lost,
            self.noticed.sent,
            counters.join(", "),
            if broken.is_empty() {
                "kept".to_owned()
            } else {
                format!("**{}**", broken.join("; "))
            },
        )
    }
}

/// The head of the report.
pub const HEAD: &str = "| attack | strikes | peak memory, MiB | p50, ms | p99, ms | longest, ms | p99 to the worker, ms | \
                        p99 from there to the broker, ms | p99 of the broker alone, ms | p99 to the consumer, ms | longest turn, CPU ms | \
                        noise of the CPU time, ms | window full, % | lost | counters that rose | bounds |\n\
                        |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";
