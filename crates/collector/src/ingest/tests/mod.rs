//! Tests of a worker's parts on real sockets, without the worker's thread.
#![allow(clippy::unwrap_used)]

mod way;
mod arrivals;
mod rules;
mod turns;
mod questions;
