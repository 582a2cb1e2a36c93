//! RIS Live of a running collector: the websocket at `/v1/ws`.

mod client;
mod filters;
mod messages;
mod views;
mod alarms;
mod cost;
mod access;
mod limits;
