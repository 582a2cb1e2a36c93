//! RIS Live: a websocket at `/v1/ws` that speaks the protocol of RIPE's service (`docs/ris-live.md`).
//!
//! `crate::live::ris` finds the messages of a client. Here is the conversation with it: its requests, the answers, pings and
//! the end. Conversations have a thread of their own, so that a thousand clients do not delay `/healthz` and the API.

mod runtime;
mod wrong;
mod fields;
mod request;
mod answer;
mod conversation;

pub use conversation::{Conversation, Hosts, MOST_RECEIVED_BYTES};
pub use fields::read_views;
pub use runtime::{RisRuntime, RisStop};
pub use wrong::Wrong;
