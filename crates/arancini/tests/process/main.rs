//! The whole collector under test: real TCP in, a real sink behind it.
//!
//! Nothing here waits for a fixed time: every wait is for a condition, with a deadline that only a broken collector
//! reaches. Where the host lacks something a test says `skipped: …`.

#![allow(clippy::unwrap_used)]

mod all_withdrawn;
mod arrivals;
mod asking;
mod bridge;
mod buckets;
mod command;
mod consumer;
mod delivery;
mod detailed_metrics;
mod former_lives;
mod haproxy;
mod history;
mod hostile;
mod idle;
mod json_format;
mod live;
mod logging;
mod lost;
mod manual;
mod overload;
mod names;
mod place;
mod proxy;
mod restart;
mod results;
mod ris;
mod screens;
mod service;
mod sessions;
mod set_aside;
mod stopping;
mod stream_loss;
mod stream_settings;
mod support;
mod sys_name;
