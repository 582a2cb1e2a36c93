//! Records of the spool's files: one message each; and the head of a file.
//!
//! ```text
//! file    "ARSPOOL\x01", stream sequence, Unix ns of its making, XXH3-64 of those 24 bytes; then records
//! record  length of the body (4), XXH3-64 of the body (8), body
//! body    incarnation, number, first and last sequence (8 each), messages, part (4 each), worker (2), kind, form,
//!         last part? (1 each), router (16 as IPv6), length of the collector's name (2), length of the subject (2),
//!         collector, subject, payload
//! ```
//!
//! All numbers are little-endian. The seed of the checksum is the place where the record begins, so that a record in a wrong
//! place is not accepted.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use arancini_client::{Compression, Format, PayloadForm};
use arancini_core::BatchKind;
use bytes::Bytes;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::message::{Life, Message};

pub(crate) const FILE_HEAD: usize = 32;
pub(crate) const RECORD_HEAD: usize = 12;
const FIXED: usize = 4 * 8 + 2 * 4 + 2 + 3 + 16 + 2 + 2;
/// Longest body. No batch is as large, so a record that claims more is damaged.
const MOST_BODY: u32 = 256 << 20;
const MAGIC: [u8; 8] = *b"ARSPOOL\x01";
/// The forms of a payload, in the order of their numbers in records. Further ones are appended.
const FORMS: [PayloadForm; 6] = [
    form(Format::Capnp, Compression::None),
    form(Format::Capnp, Compression::Lz4),
    form(Format::Capnp, Compression::Zstd),
    form(Format::Json, Compression::None),
    form(Format::Json, Compression::Lz4),
    form(Format::Json, Compression::Zstd),
];

const fn form(format: Format, compression: Compression) -> PayloadForm {
    PayloadForm { format, compression }
}

/// Head of a file: what holds for all its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FileHead {
    /// If the stream has messages of the file, they lie behind this stream sequence; 0 if it was not known.
    pub(crate) floor: u64,
    /// When the file was created, in Unix nanoseconds.
    pub(crate) created_ns: u64,
}

impl FileHead {
    pub(crate) fn encode(self) -> [u8; FILE_HEAD] {
        let mut bytes = [0; FILE_HEAD];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.floor.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.created_ns.to_le_bytes());
        let checksum = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; FILE_HEAD]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let magic: [u8; 8] = fields.array()?;
        let head = Self {
            floor: fields.u64()?,
            created_ns: fields.u64()?,
        };
        (magic == MAGIC && fields.u64()? == xxh3_64(&bytes[..24])).then_some(head)
    }
}

/// Returns the length of the body behind this head and its checksum; `None` if this is not the head of a record.
pub(crate) fn decode_head(head: &[u8; RECORD_HEAD]) -> Option<(usize, u64)> {
    let mut fields = Fields(head);
    let length = fields.u32()?;
    let checksum = fields.u64()?;
    (length as usize >= FIXED && length <= MOST_BODY).then_some((length as usize, checksum))
}

/// Appends a record that begins at the place `at` of its file. `own` is the life of a message that does not name one.
pub(crate) fn encode(message: &Message, own: &Life, at: u64, out: &mut Vec<u8>) {
    let life = message.life.as_deref().unwrap_or(own);
    let start = out.len();
    out.extend([0; RECORD_HEAD]);
    for number in [
        life.incarnation,
        message.number,
        message.first_sequence,
        message.last_sequence,
    ] {
        out.extend(number.to_le_bytes());
    }
    out.extend(message.messages.to_le_bytes());
    out.extend(message.part.to_le_bytes());
    out.extend(message.worker.to_le_bytes());
    let place = |found: Option<usize>| found.unwrap_or_default() as u8;
    out.push(place(
        BatchKind::ALL.iter().position(|kind| *kind == message.kind),
    ));
    out.push(place(FORMS.iter().position(|one| *one == message.form)));
    out.push(u8::from(message.is_last));
    let router = match message.router {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    out.extend(router.octets());
    for text in [life.collector.as_str(), &*message.subject] {
        // Names and subjects are far shorter than 64 KiB; NATS does not take longer ones.
        out.extend((text.len() as u16).to_le_bytes());
    }
    out.extend(life.collector.as_bytes());
    out.extend(message.subject.as_bytes());
    out.extend(&message.payload[..]);
    let body = start + RECORD_HEAD;
    let checksum = xxh3_64_with_seed(&out[body..], at);
    let length = (out.len() - body) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..body].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads the message of a body; `None` if the body is not what was written.
pub(crate) fn decode(body: &[u8], checksum: u64, at: u64) -> Option<Message> {
    if xxh3_64_with_seed(body, at) != checksum {
        return None;
    }
    let mut fields = Fields(body);
    let [incarnation, number, first_sequence, last_sequence] =
        [fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?];
    let [messages, part] = [fields.u32()?, fields.u32()?];
    let worker = fields.u16()?;
    let [kind, form, is_last] = fields.array()?;
    let router = IpAddr::from(Ipv6Addr::from(fields.array::<16>()?)).to_canonical();
    let [collector, subject] = [fields.u16()?, fields.u16()?];
    let collector = fields.text(collector)?.to_owned();
    let subject = fields.text(subject)?.into();
    Some(Message {
        kind: *BatchKind::ALL.get(usize::from(kind))?,
        subject,
        router,
        payload: Bytes::copy_from_slice(fields.0),
        form: *FORMS.get(usize::from(form))?,
        messages,
        first_sequence,
        last_sequence,
        worker,
        number,
        part,
        is_last: is_last != 0,
        life: Some(Arc::new(Life {
            collector,
            incarnation,
        })),
        spooled: Some(part),
        set_aside: false,
    })
}

/// A batch, or a part of one, that waits in a spool. It keeps its message id until it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpooledBatch {
    /// Name of the collector that made the batch.
    pub collector: String,
    /// Start of that collector in Unix nanoseconds. The batches of one life are numbered together.
    pub incarnation: u64,
    /// The worker that closed the batch.
    pub worker: u16,
    /// The batch's number within the worker.
    pub number: u64,
    /// Number of the part, from 1; 0 for a whole batch.
    pub part: u32,
    /// This is the whole batch or its last part.
    pub is_last: bool,
    /// Kind of the records.
    pub kind: BatchKind,
    /// Full subject.
    pub subject: Arc<str>,
    /// The router that the records are about.
    pub router: IpAddr,
    /// Records: Cap'n Proto, decompressed.
    pub payload: Bytes,
    /// Number of records.
    pub messages: u32,
    /// Per-router sequence number of the first record of the whole batch, also in a part.
    pub first_sequence: u64,
    /// Per-router sequence number of the last record of the whole batch, also in a part.
    pub last_sequence: u64,
}

impl SpooledBatch {
    /// Makes a batch of what [`decode`] returned; `None` if its payload cannot be read.
    pub(crate) fn of(message: Message) -> Option<Self> {
        let life = message.life?;
        Some(Self {
            collector: life.collector.clone(),
            incarnation: life.incarnation,
            worker: message.worker,
            number: message.number,
            part: message.part,
            is_last: message.is_last,
            kind: message.kind,
            subject: message.subject,
            router: message.router,
            payload: message.form.read(message.payload).ok()?,
            messages: message.messages,
            first_sequence: message.first_sequence,
            last_sequence: message.last_sequence,
        })
    }
}

/// Bytes that are left to read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn text(&mut self, length: u16) -> Option<&'a str> {
        let (text, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}
