//! What a consumer of the demo's segments holds: every update replayed, and checked on the way.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use arancini_client::segments;
use arancini_core::BatchKind;
use arancini_schema::decode::Messages;
use arancini_schema::json::write_message;
use serde_json::Value;

/// Reads a segment directory again and again and remembers how far it was.
pub(super) struct Ledger {
    directory: PathBuf,
    updates_read: usize,
    tables: HashMap<RouteName, String>,
    /// Updates that contradict what was said before; none in a true stream.
    pub contradictions: u64,
}

/// A route of one table: router, peer, distinguisher, view, family, prefix or NLRI, route distinguisher, path id.
type RouteName = [String; 8];

impl Ledger {
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            updates_read: 0,
            tables: HashMap::new(),
            contradictions: 0,
        }
    }

    /// The updates stored since this was last asked, as JSON, each replayed into the tables.
    pub fn new_updates(&mut self) -> io::Result<Vec<Value>> {
        let updates = read(&self.directory, BatchKind::Updates)?.split_off(self.updates_read);
        self.updates_read += updates.len();
        for update in &updates {
            self.replay(update);
        }
        Ok(updates)
    }

    /// How many updates are stored.
    pub const fn stored(&self) -> usize {
        self.updates_read
    }

    /// Routes that a consumer holds now.
    pub fn routes(&self) -> usize {
        self.tables.len()
    }

    /// All events of a kind.
    pub fn events(&self, kind: BatchKind) -> io::Result<Vec<Value>> {
        read(&self.directory, kind)
    }

    fn replay(&mut self, update: &Value) {
        let text = |name: &str| update.get(name).map(ToString::to_string).unwrap_or_default();
        let family = format!("{}/{}", text("afi"), text("safi"));
        let route = format!("{}{}", text("prefix"), text("rawNlri"));
        let name = [
            text("routerAddr"),
            text("peerAddr"),
            text("peerDistinguisher"),
            text("ribView"),
            family,
            route,
            text("routeDistinguisher"),
            text("pathId"),
        ];
        let contradicts = if update.get("announced") == Some(&Value::Bool(true)) {
            let fingerprint = text("attributeFingerprint");
            self.tables.insert(name, fingerprint.clone()) == Some(fingerprint)
        } else {
            self.tables.remove(&name).is_none()
        };
        self.contradictions += u64::from(contradicts);
    }
}

fn read(directory: &Path, kind: BatchKind) -> io::Result<Vec<Value>> {
    let mut values = Vec::new();
    let mut line = Vec::new();
    for segment in segments::list(directory, kind)? {
        let bytes = std::fs::read(segments::segment_path(directory, kind, segment.number))?;
        for message in Messages::new(&bytes) {
            // A message that is being written is read the next time.
            let Ok(message) = message else { break };
            line.clear();
            write_message(kind, &message, &mut line)?;
            values.push(serde_json::from_slice(&line)?);
        }
    }
    Ok(values)
}
