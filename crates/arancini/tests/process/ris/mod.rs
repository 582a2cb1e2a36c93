//! RIS Live of a running collector: the websocket at `/v1/ws`.

mod client;
mod filters;
mod messages;
mod access;
mod limits;
