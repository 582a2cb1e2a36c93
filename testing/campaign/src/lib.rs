//! Campaigns with real processes: the collector's program, a real broker, routers over real TCP.
//!
//! In the order of a campaign: a [`router`] holds tables of numbered [`route`]s and a [`client`] sends them;
//! the [`collector`] and the [`broker`] are [`process`]es that meet each [`fault`] of a [`crash`] campaign; a
//! [`reader`] reads back what was published into a [`replay`], and the [`judge`] holds that against the
//! routers' tables. The [`hostile`] campaign measures what clients that are no routers cost.
#![forbid(unsafe_code)]

pub mod admin;
pub mod client;
pub mod collector;
pub mod crash;
pub mod fault;
pub mod hostile;
pub mod interrupt;
pub mod intervals;
pub mod judge;
pub mod network;
pub mod outage;
pub mod reader;
pub mod replay;
pub mod rig;
pub mod route;
pub mod router;
pub mod tmpfs;
