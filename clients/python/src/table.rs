//! The current tables of all routers, for Python.

use std::net::IpAddr;

use arancini_client::tables::{
    Counts, Fingerprint, Held, Nlri, Record, Route, RouteKey, RouterState, Tables,
};
use arancini_schema::decode::Messages;
use arancini_schema::json::{Distinguisher, Hex, address, prefix_address};
use arancini_schema::table_key::TableKey;
use arancini_wire::bmp::RibView;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::batch::Batch;
use crate::problem::{DAMAGED, NEWER};
use crate::update::UpdateReader;

/// Tables that hold of each route its fingerprint alone, or the whole announce.
enum Kept {
    Fingerprints(Tables<Fingerprint>),
    Records(Tables<Record>),
}

/// Runs `$body` with `$tables` bound to the tables, whatever they hold.
macro_rules! with_tables {
    ($kept:expr, $tables:ident => $body:expr) => {
        match $kept {
            Kept::Fingerprints($tables) => $body,
            Kept::Records($tables) => $body,
        }
    };
}

/// The native part of `arancini_client.Table`.
#[pyclass(subclass, module = "arancini_client")]
pub struct Table {
    kept: Kept,
    /// Stream sequence of the last batch that was applied.
    #[pyo3(get, set)]
    position: u64,
    /// When the stream of that batch was created.
    stream_created: String,
    /// Which messages are missing; `None` if none are.
    #[pyo3(get)]
    gap: Option<String>,
}

#[pymethods]
impl Table {
    #[new]
    #[pyo3(signature = (*, attributes=true))]
    fn new(attributes: bool) -> Self {
        Self {
            kept: match attributes {
                true => Kept::Records(Tables::default()),
                false => Kept::Fingerprints(Tables::default()),
            },
            position: 0,
            stream_created: String::new(),
            gap: None,
        }
    }

    /// Takes all records of a batch.
    ///
    /// Batches of a stream come in its order; a batch that comes twice changes nothing. Records that cannot be read go to the
    /// `on_problem` of the follower, and their router is not whole until its next resync.
    fn apply(&mut self, py: Python<'_>, batch: &Bound<'_, Batch>) -> PyResult<()> {
        let batch = batch.get();
        self.note_what_is_missing(batch);
        let kind = batch.kind_of_records();
        let mut problems = Vec::new();
        let bytes = batch.bytes(py);
        let kept = &mut self.kept;
        py.detach(|| {
            for message in Messages::new(bytes) {
                let taken = match message {
                    Ok(message) => with_tables!(&mut *kept, tables => tables.take_message(kind, &message))
                        .map_err(|error| (error.to_string(), NEWER)),
                    Err(error) => Err((error.to_string(), DAMAGED)),
                };
                problems.extend(taken.err());
            }
        });
        self.position = self.position.max(batch.stream_sequence);
        if !problems.is_empty() {
            let router = batch.router_address();
            with_tables!(&mut self.kept, tables => tables.note_gap_of(router));
        }
        for (cause, remedy) in problems {
            batch.report(py, &cause, remedy)?;
        }
        Ok(())
    }

    /// Number of routes in all tables.
    fn __len__(&self) -> usize {
        with_tables!(&self.kept, tables => tables.len())
    }

    /// What has been taken so far, as a `dict`.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts: Counts = with_tables!(&self.kept, tables => tables.counts());
        let object = PyDict::new(py);
        for (name, count) in [
            ("announces", counts.announces),
            ("withdraws", counts.withdraws),
            ("late", counts.late),
            ("unchanged", counts.unchanged),
            ("unheld", counts.unheld),
            ("swept", counts.swept),
            ("resyncWithoutBegin", counts.resync_without_begin),
        ] {
            object.set_item(name, count)?;
        }
        Ok(object)
    }

    /// The routers as a list of `dict`s with `routerAddr`, `state`, `routes`, `whole` and `resyncing`.
    fn routers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        with_tables!(&self.kept, tables => {
            for (address, router) in tables.routers() {
                let object = PyDict::new(py);
                object.set_item("routerAddr", address.to_string())?;
                object.set_item("state", match router.state() {
                    RouterState::Unknown => "unknown",
                    RouterState::Open => "open",
                    RouterState::Lost => "lost",
                })?;
                let routes: usize = router.tables().map(|table| table.len()).sum();
                object.set_item("routes", routes)?;
                object.set_item("whole", router.is_whole())?;
                object.set_item("resyncing", router.is_resyncing())?;
                list.append(object)?;
            }
        });
        Ok(list)
    }

    /// Removes a router that is gone for good, with its routes. Returns whether the table knew it.
    fn forget(&mut self, router: &str) -> PyResult<bool> {
        let address = parse_address(router)?;
        Ok(with_tables!(&mut self.kept, tables => tables.forget(address)))
    }

    /// The keys of all tables, for `routes_of`.
    fn tables<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        with_tables!(&self.kept, tables => {
            for (address, router) in tables.routers() {
                for (place, table) in router.tables().enumerate() {
                    let object = PyDict::new(py);
                    set_table(&object, address, table.key())?;
                    object.set_item("routes", table.len())?;
                    object.set_item("whole", router.is_table_whole(table.key()))?;
                    list.append((place, object))?;
                }
            }
        });
        Ok(list)
    }

    /// The routes of the table at a place of a router's tables, as a list of `dict`s; with `prefix`, only those of this prefix.
    #[pyo3(signature = (router, place, prefix=None))]
    fn routes_of<'py>(
        &self,
        py: Python<'py>,
        router: &str,
        place: usize,
        prefix: Option<&str>,
    ) -> PyResult<Bound<'py, PyList>> {
        let address = parse_address(router)?;
        let prefix = prefix.map(parse_prefix).transpose()?;
        let list = PyList::empty(py);
        match &self.kept {
            Kept::Fingerprints(tables) => {
                for (table, key, route) in wanted(tables, address, place, prefix) {
                    list.append(fingerprint_route(py, address, table, &key, route)?)?;
                }
            }
            Kept::Records(tables) => {
                let mut reader = UpdateReader::new(py);
                for (_, _, route) in wanted(tables, address, place, prefix) {
                    if let Some(Ok(message)) = Messages::new(&route.held.0).next()
                        && let Ok(update) = message.update()
                        && let Ok(object) = reader.read(update)
                    {
                        list.append(object)?;
                    }
                }
            }
        }
        Ok(list)
    }
}

impl Table {
    /// Compares where the table is with what the follower may have missed.
    fn note_what_is_missing(&mut self, batch: &Batch) {
        let is_another = !self.stream_created.is_empty() && self.stream_created != batch.stream_created;
        let gap = if is_another {
            self.position = 0;
            "the stream was deleted and created again".to_owned()
        } else if batch.missing_until > self.position {
            let first = self.position + 1;
            format!(
                "messages {first} to {} of the stream are missing",
                batch.missing_until
            )
        } else {
            self.stream_created.clone_from(&batch.stream_created);
            return;
        };
        self.stream_created.clone_from(&batch.stream_created);
        self.gap = Some(gap);
        with_tables!(&mut self.kept, tables => tables.note_gap());
    }
}

/// Iterates over the routes of a table; with `prefix`, only those of this prefix.
fn wanted<T: Held>(
    tables: &Tables<T>,
    router: IpAddr,
    place: usize,
    prefix: Option<([u8; 16], u8)>,
) -> impl Iterator<Item = (&TableKey, RouteKey, &Route<T>)> {
    let table = tables
        .router(router)
        .and_then(|router| router.tables().nth(place));
    table.into_iter().flat_map(move |table| {
        let is_wanted = move |key: &RouteKey| match (prefix, &key.nlri) {
            (None, _) => true,
            (Some((wanted, bits)), Nlri::Prefix { address, length }) => *address == wanted && *length == bits,
            (Some(_), Nlri::Opaque(_)) => false,
        };
        let routes = table.routes().filter(move |(key, _)| is_wanted(key));
        routes.map(move |(key, route)| (table.key(), key, route))
    })
}

/// Reads the address of a router.
fn parse_address(text: &str) -> PyResult<IpAddr> {
    let invalid = || {
        PyValueError::new_err(format!(
            "{text:?} is no address of a router; write it like 192.0.2.1 or 2001:db8::1"
        ))
    };
    text.parse().map_err(|_| invalid())
}

fn parse_prefix(text: &str) -> PyResult<([u8; 16], u8)> {
    let parts = || {
        let (address, length) = text.split_once('/')?;
        let (address, longest) = match address.parse().ok()? {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped(), 32),
            IpAddr::V6(v6) => (v6, 128),
        };
        let length = length.parse().ok().filter(|length| *length <= longest)?;
        Some((address.octets(), length))
    };
    let invalid = || {
        PyValueError::new_err(format!(
            "{text:?} is no prefix; write it like 192.0.2.0/24 or 2001:db8::/32"
        ))
    };
    parts().ok_or_else(invalid)
}

/// Makes a `dict` of a route of which the table holds no more than the fingerprint.
fn fingerprint_route<'py>(
    py: Python<'py>,
    router: IpAddr,
    table: &TableKey,
    key: &RouteKey,
    route: &Route<Fingerprint>,
) -> PyResult<Bound<'py, PyDict>> {
    let object = PyDict::new(py);
    set_table(&object, router, table)?;
    match &key.nlri {
        Nlri::Prefix { address, length } => {
            if let Some(address) = prefix_address(address, table.family.afi) {
                object.set_item(intern!(py, "prefix"), format!("{address}/{length}"))?;
            }
        }
        Nlri::Opaque(octets) => object.set_item(intern!(py, "nlriKey"), Hex(octets).to_string())?,
    }
    if let Some(path_id) = key.path_id {
        object.set_item(intern!(py, "pathId"), path_id)?;
    }
    if let Some(distinguisher) = key.route_distinguisher {
        let text = Distinguisher(distinguisher).to_string();
        object.set_item(intern!(py, "routeDistinguisher"), text)?;
    }
    object.set_item(intern!(py, "sequence"), route.sequence)?;
    let fingerprint = format!("{:016x}", route.fingerprint);
    object.set_item(intern!(py, "attributeFingerprint"), fingerprint)?;
    Ok(object)
}

/// Sets the members that tell a table, with the names that they have in an update.
fn set_table(object: &Bound<'_, PyDict>, router: IpAddr, key: &TableKey) -> PyResult<()> {
    object.set_item("routerAddr", router.to_string())?;
    if let Some(peer) = address(&key.peer.address) {
        object.set_item("peerAddr", peer.to_string())?;
    }
    let bgp_id = std::net::Ipv4Addr::from(key.peer.bgp_id);
    object.set_item("peerBgpId", bgp_id.to_string())?;
    object.set_item("peerAsn", key.peer_asn)?;
    object.set_item("peerType", key.peer.peer_type)?;
    let distinguisher = u64::from_be_bytes(key.peer.distinguisher);
    if distinguisher != 0 {
        object.set_item("peerDistinguisher", Distinguisher(distinguisher).to_string())?;
    }
    object.set_item("ribView", view_name(key.view))?;
    object.set_item("afi", key.family.afi)?;
    object.set_item("safi", key.family.safi)
}

const fn view_name(view: RibView) -> &'static str {
    match view {
        RibView::AdjRibInPre => "adj-rib-in-pre",
        RibView::AdjRibInPost => "adj-rib-in-post",
        RibView::AdjRibOutPre => "adj-rib-out-pre",
        RibView::AdjRibOutPost => "adj-rib-out-post",
        RibView::LocRib => "loc-rib",
    }
}
