//! Campaigns with real processes: the collector's program, a real nats-server, routers over real TCP.
//!
//! In the order of a campaign: a [`router`] holds tables of numbered [`route`]s, and a [`client`] sends them over a
//! [`network`] to the [`collector`]. A [`reader`] reads back what was published, the judge writes it into a [`book`], and
//! the [`outcome`] compares the book with the routers' tables. The [`rig`] is all of this at work: [`crash`] campaigns
//! inflict [`fault`]s on it, a [`soak`] leaves it in peace, [`outage`] campaigns take away what it needs, and the [`hostile`] campaign measures what
//! clients cost that are no routers.
#![forbid(unsafe_code)]

pub mod route;
pub mod router;
pub mod client;
pub mod network;
pub mod collector;
pub mod admin;
pub mod tmpfs;
pub mod book;
pub mod reader;
pub mod outcome;
pub mod interrupt;
pub mod rig;
pub mod fault;
pub mod crash;
pub mod soak;
pub mod outage;
pub mod hostile;
