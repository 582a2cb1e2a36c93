//! Where a campaign's judge reads what the collector published.

use std::io;

use arancini_judge::source::{PublishedStream, SegmentDirectory};
use arancini_judge::{Judge, Rule, Rules};

use crate::book::NumberedBook;
use crate::collector::{Collector, Sink};

/// The stream of the sink `nats`, as the collector names it by default.
const STREAM: &str = "ARANCINI";
/// The base of its subjects.
const BASE: &str = "arancini";

/// The stream or the segments, and the place up to which they are read.
#[derive(Debug)]
pub enum Reader {
    /// A JetStream stream.
    Stream(PublishedStream),
    /// A directory of segment files.
    Segments(SegmentDirectory),
}

impl Reader {
    /// Reads from the beginning of what this collector publishes.
    ///
    /// # Errors
    /// There is no way to read.
    pub fn new(collector: &Collector) -> io::Result<Self> {
        Ok(match collector.sink() {
            Sink::Nats(urls) => Self::Stream(PublishedStream::new(urls.clone(), STREAM, BASE)?),
            Sink::File => Self::Segments(SegmentDirectory::new(&collector.data_dir().join("segments"))),
        })
    }

    /// The promises that hold for what this sink stores.
    #[must_use]
    pub fn rules(sink: &Sink) -> Rules {
        let barriers = match sink {
            Sink::Nats(_) => Rule::Holds,
            Sink::File => Rule::Unknown,
        };
        Rules {
            barriers,
            ..Rules::default()
        }
    }

    /// Lets the judge hear everything that was published since the last reading.
    ///
    /// # Errors
    /// The stream or a segment can't be read.
    pub fn read(&mut self, judge: &mut Judge<NumberedBook>) -> io::Result<()> {
        match self {
            Self::Stream(source) => source.read(judge),
            Self::Segments(source) => source.read(judge),
        }
    }
}
