//! `arancini tail`: follow what is published.

mod filter;
mod line;

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use arancini_core::BatchKind;
use arancini_publish::tail::{Begin, SegmentTail, StreamTail, StreamTailError, StreamTailOptions};
use arancini_schema::decode::Messages;
use arancini_schema::json::{MessageKind, write_message};
use arancini_schema::subject::Subject;
use clap::Args;

use self::filter::Filter;
use super::{FAILED, flag, list_flag};
use arancini_collector::config::{Config, FlagValue, IpPrefix, SinkKind};
pub(crate) use line::Line;

/// Follow a stream or a segment directory and print its updates.
///
/// Prints what comes from now on and waits for more; --from-start begins with the oldest that is kept, --no-follow ends
/// at the end. Filters add up: an update is printed when it passes all of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini tail --nats nats://127.0.0.1:4222 --origin-as 64512\n  \
    arancini tail --data-dir arancini-data --json --from-start --no-follow\n  \
    arancini tail --covered 192.0.2.0/24 --router 10.0.0.1"
)]
pub struct TailArgs {
    /// URL of a NATS server; may be repeated.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Data directory of a collector with the sink `file`, instead of a stream.
    #[arg(long, value_name = "DIR", conflicts_with = "nats")]
    pub data_dir: Option<String>,
    /// Print JSON Lines instead of text.
    #[arg(long)]
    pub json: bool,
    /// Begin with the oldest that is kept.
    #[arg(long)]
    pub from_start: bool,
    /// Begin with this sequence of the stream.
    #[arg(long, value_name = "N", conflicts_with_all = ["from_start", "data_dir"])]
    pub from_sequence: Option<u64>,
    /// End at the end instead of waiting for more; begins with the oldest unless --from-sequence says otherwise.
    #[arg(long)]
    pub no_follow: bool,
    /// Print events of peers and routers, statistics and malformed messages too.
    #[arg(long)]
    pub all: bool,
    /// Only of this router.
    #[arg(long, value_name = "ADDR")]
    pub router: Option<IpAddr>,
    /// Only of this peer.
    #[arg(long, value_name = "ADDR")]
    pub peer: Option<IpAddr>,
    /// Only of this family, as AFI/SAFI, like 1/1.
    #[arg(long, value_name = "AFI/SAFI", value_parser = filter::family)]
    pub family: Option<(u16, u8)>,
    /// Only routes of exactly this prefix.
    #[arg(long, value_name = "PREFIX", value_parser = filter::prefix)]
    pub prefix: Option<IpPrefix>,
    /// Only routes that cover this prefix or are it.
    #[arg(long, value_name = "PREFIX", value_parser = filter::prefix)]
    pub covering: Option<IpPrefix>,
    /// Only routes that lie in this prefix or are it.
    #[arg(long, value_name = "PREFIX", value_parser = filter::prefix)]
    pub covered: Option<IpPrefix>,
    /// Only announcements that this AS originated.
    #[arg(long, value_name = "ASN")]
    pub origin_as: Option<u32>,
}

impl TailArgs {
    /// The flags as settings.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        let file = self.data_dir.as_ref().map(|_| "file".to_owned());
        let nats = (!self.nats.is_empty()).then(|| "nats".to_owned());
        [
            list_flag("nats", "urls", "--nats", &self.nats),
            flag("nats", "stream", "--stream", self.stream.clone()),
            flag("file", "data_dir", "--data-dir", self.data_dir.clone()),
            flag("publish", "sink", "--data-dir", file),
            flag("publish", "sink", "--nats", nats),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn begin(&self) -> Begin {
        match self.from_sequence {
            Some(sequence) => Begin::Sequence(sequence),
            None if self.from_start || self.no_follow => Begin::Beginning,
            None => Begin::New,
        }
    }
}

/// Follows until the end, Ctrl-C, or until no one reads the output any more.
#[must_use]
pub fn run(config: &Config, args: &TailArgs) -> ExitCode {
    let mut printer = Printer {
        filter: Filter::new(args),
        json: args.json,
        all: args.all,
        line: Vec::new(),
    };
    let outcome = match config.sink() {
        SinkKind::Nats => super::block_on(follow_stream(config, args, &mut printer)),
        SinkKind::File => super::block_on(follow_segments(config, args, &mut printer)),
        SinkKind::Stdout | SinkKind::Null => {
            Err("the configured sink keeps nothing to follow; give --nats URL or --data-dir DIR".to_owned())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(FAILED)
        }
    }
}

async fn follow_stream(config: &Config, args: &TailArgs, printer: &mut Printer) -> Result<(), String> {
    let base = &config.publish.subject_base;
    let options = StreamTailOptions {
        filters: printer.filter.subjects(base, args.all),
        begin: args.begin(),
        follow: !args.no_follow,
    };
    let mut tail = StreamTail::open(config.nats_settings(), options)
        .await
        .map_err(|trouble| trouble.to_string())?;
    loop {
        let message = match tail.next().await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error @ StreamTailError::Message { .. }) => {
                eprintln!("{error}");
                continue;
            }
            Err(StreamTailError::Stream(trouble)) => return Err(trouble.to_string()),
        };
        let Some(subject) = Subject::parse(base, &message.subject) else {
            continue;
        };
        let place = || format!("{} at sequence {}", message.subject, message.stream_sequence);
        match printer.print(subject.message_kind(), &message.payload) {
            Ok(Output::Read) => {}
            Ok(Output::Closed) => return Ok(()),
            Err(problem) => eprintln!("{}: {problem}", place()),
        }
    }
}

async fn follow_segments(config: &Config, args: &TailArgs, printer: &mut Printer) -> Result<(), String> {
    let directory = config.file_settings().directory;
    let failed = |error: io::Error| {
        format!(
            "{}: {error}; is this the data directory of a collector?",
            directory.display()
        )
    };
    if !directory.is_dir() {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    let mut tail = SegmentTail::open(&directory, args.begin(), !args.no_follow).map_err(failed)?;
    while let Some(message) = tail.next().await.map_err(failed)? {
        let kind = match message.kind {
            BatchKind::Updates => MessageKind::Update,
            BatchKind::Peers => MessageKind::Peer,
            BatchKind::Routers => MessageKind::Router,
            BatchKind::Statistics => MessageKind::Statistics,
            BatchKind::Malformed => MessageKind::Malformed,
        };
        match printer.print(kind, &message.bytes) {
            Ok(Output::Read) => {}
            Ok(Output::Closed) => return Ok(()),
            Err(problem) => eprintln!("{}: {problem}", directory.display()),
        }
    }
    Ok(())
}

/// Whether anyone reads what is printed.
enum Output {
    Read,
    Closed,
}

struct Printer {
    filter: Filter,
    json: bool,
    all: bool,
    line: Vec<u8>,
}

impl Printer {
    /// Prints the messages of a payload that pass the filter.
    fn print(&mut self, kind: MessageKind, payload: &[u8]) -> Result<Output, String> {
        if kind != MessageKind::Update && !self.all {
            return Ok(Output::Read);
        }
        let mut out = io::stdout().lock();
        for message in Messages::new(payload) {
            let message = message.map_err(|error| error.to_string())?;
            self.line.clear();
            write_message(kind, &message, &mut self.line).map_err(|error| error.to_string())?;
            let object = serde_json::from_slice(&self.line).map_err(|error| error.to_string())?;
            if !self.filter.passes(&object) {
                continue;
            }
            let printed = if self.json {
                out.write_all(&self.line)
            } else {
                writeln!(out, "{}", Line(&object))
            };
            match printed.and_then(|()| out.flush()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Output::Closed),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(Output::Read)
    }
}
