//! What a table holds of a route.

use arancini_schema::decode::Message;
use arancini_schema::update_capnp::update;

use super::unreadable::UnreadableRecord;

/// What a table holds of an announced route. Memory and speed of a consumer depend on it more than on anything else.
pub trait Held: Sized {
    /// Takes from an announce what the table is to hold. `update` is the content of `message`.
    ///
    /// # Errors
    /// A field cannot be read.
    fn of_announce(message: &Message<'_>, update: update::Reader<'_>) -> Result<Self, UnreadableRecord>;
}

/// The attribute fingerprint: says whether two announces have the same attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Held for Fingerprint {
    fn of_announce(_: &Message<'_>, update: update::Reader<'_>) -> Result<Self, UnreadableRecord> {
        Ok(Self(update.get_attribute_fingerprint()))
    }
}

/// The whole announce, as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record(pub Box<[u8]>);

impl Held for Record {
    fn of_announce(message: &Message<'_>, _: update::Reader<'_>) -> Result<Self, UnreadableRecord> {
        Ok(Self(message.bytes().into()))
    }
}

/// Nothing: the table says only which routes exist.
impl Held for () {
    fn of_announce(_: &Message<'_>, _: update::Reader<'_>) -> Result<Self, UnreadableRecord> {
        Ok(())
    }
}
