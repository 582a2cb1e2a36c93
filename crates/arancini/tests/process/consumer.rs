//! A consumer that lives longer than a collector: it keeps what it has read, and follows resyncs as `docs/operating.md` says.

use std::net::{IpAddr, Ipv6Addr};

use arancini_bed::NatsServer;
use arancini_client::StreamSource;
use arancini_client::tables::{Held, Nlri, Tables, UnreadableRecord};
use arancini_client::tail::{AtEnd, Begin, SegmentTail, StreamTail, StreamTailOptions};
use arancini_generate::Prefix;
use arancini_schema::decode::Message;
use arancini_schema::subject::Subject;
use arancini_schema::update_capnp::update;

use crate::place::Place;
use crate::support::{Table, router_address, runtime};

/// What this consumer keeps of a route.
struct AsPath(Vec<u32>);

impl Held for AsPath {
    fn of_announce(_: &Message<'_>, update: update::Reader<'_>) -> Result<Self, UnreadableRecord> {
        Ok(Self(update.get_as_path()?.iter().collect()))
    }
}

/// A consumer.
#[derive(Default)]
pub struct Consumer(Tables<AsPath>);

impl Consumer {
    /// Reads everything that is stored under the default subjects now. What it has read before may come again.
    pub fn read(&mut self, place: &Place) {
        self.read_base(place, StreamSource::DEFAULT_BASE);
    }

    /// Reads everything that is stored under these subjects now.
    pub fn read_base(&mut self, place: &Place, base: &str) {
        match &place.server {
            Some(server) => self.read_stream(server, base),
            None => self.read_segments(place),
        }
    }

    fn read_segments(&mut self, place: &Place) {
        let directory = place.directory.path().join("segments");
        let mut tail = SegmentTail::open(&directory, Begin::Beginning, AtEnd::Stop).unwrap();
        while let Some(message) = tail.next_present().unwrap() {
            self.0.take(message.kind, &message.bytes).unwrap();
        }
    }

    fn read_stream(&mut self, server: &NatsServer, base: &str) {
        runtime().block_on(async {
            let mut source = StreamSource::new(vec![server.url()]);
            source.base = base.to_owned();
            let mut tail = StreamTail::open(source, StreamTailOptions::default())
                .await
                .unwrap();
            while let Some(message) = tail.next().await.unwrap() {
                if let Some(subject) = Subject::parse(base, &message.subject) {
                    self.0.take(subject.message_kind(), &message.payload).unwrap();
                }
            }
        });
    }

    /// The table of a router as this consumer has it.
    pub fn table(&self, router: u8) -> Table {
        let router = self.0.router(router_address(router));
        let tables = router.into_iter().flat_map(|router| router.tables());
        let routes = tables.flat_map(|table| table.routes().map(move |route| (table.key(), route)));
        let address = |bytes| IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical();
        routes
            .map(|(table, (key, route))| {
                let Nlri::Prefix { address: at, length } = key.nlri else {
                    panic!("no prefix: {key:?}")
                };
                let prefix = Prefix {
                    address: address(at),
                    length,
                };
                ((address(table.peer.address), prefix), route.held.0.clone())
            })
            .collect()
    }
}
