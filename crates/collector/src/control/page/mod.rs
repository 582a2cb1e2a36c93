//! The page: what the collector holds now, for a browser. The files are part of the binary (`crates/collector/assets`).
//!
//! The files hold no data. The page gets its data from the API and from `/readyz`, so who may see them is decided there. The
//! headers allow the browser to load and ask only this port.

mod assets;
mod serve;

pub(super) use serve::paths;
