//! The JSON API `/api/v1`: routers, peers, routes, workers and the sink, as the collector holds them now (`docs/api.md`).
//!
//! A request becomes a question to the workers (`asker`), which they answer in slices beside the messages. Each resource has
//! its own file. `access` decides who is answered. Names are those of the schema. An error is a problem (`problem`) that names the field and the remedy.

mod problem;
mod refusal;
mod access;
mod number;
mod parameters;
mod peer_key;
mod cursor;
mod asker;
mod since;
mod conditions;
mod history_reader;
mod state;
mod page;
mod text;
mod change_lists;
mod routers;
mod peers;
mod bgp_session;
mod statistics;
mod attributes;
mod routes;
mod prefixes;
mod counts;
mod history;
mod stream;
mod ris;
mod resync;
mod workers;
mod rates;
mod sink;
mod paths;

pub use access::{Access, ClientCertificate, Right, TokenFile};
pub use asker::Asker;
pub use paths::{paths, ris_paths};
pub(crate) use peer_key::peer_key;
pub(crate) use refusal::{refusal_of_long_request, refusal_of_plain_http};
pub use state::Api;
