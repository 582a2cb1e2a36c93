//! BMP version 3 (RFC 7854, 8671, 9069, 9515, 9736, 9972): one file a message.

mod rib_view;
pub use rib_view::RibView;
