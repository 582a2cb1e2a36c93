//! Numbers of the IANA registries, grouped by registry.

pub mod bmp;
pub mod bgp_message;
pub mod attribute_type;
mod address_family;
mod registry;

pub use address_family::AfiSafi;
