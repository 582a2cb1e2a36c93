//! Reads published messages from a stream or from segment files, and prints them.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use arancini_client::tail::{Begin, SegmentTail, StreamTail, StreamTailError, StreamTailOptions};
use arancini_collector::config::{Config, SinkKind};
use arancini_schema::MessageKind;
use arancini_schema::decode::Messages;
use arancini_schema::json::{visible, write_message};
use arancini_schema::subject::Subject;

use super::arguments::TailArgs;
use super::filter::{Filter, Kinds};
use super::line::Line;
use super::rate_line::RateLine;
use super::screen::{Colours, ScreenLine};
use crate::exit::{fail, tell_nothing_of};
use crate::output::terminal_width;
use crate::runtime::block_on;
use crate::terminal::print_problem;

/// Prints messages until the end, until Ctrl-C, or until nobody reads the output any more.
#[must_use]
pub fn run(config: &Config, args: &TailArgs) -> ExitCode {
    let mut printer = Printer {
        filter: Filter::new(args),
        look: Look::of(args),
        kinds: Kinds::of(args),
        line: Vec::new(),
        rate: RateLine::new(),
        has_printed: false,
    };
    if args.begin() == Begin::New && io::stderr().is_terminal() {
        print_problem(
            "following what is published from now on; --from-start or --since shows what was published before",
        );
    }
    let outcome = match config.sink() {
        SinkKind::Nats => block_on(follow_stream(config, args, &mut printer)),
        SinkKind::File => block_on(follow_segments(config, args, &mut printer)),
        SinkKind::Stdout | SinkKind::Null => Err(
            "the configured sink stores no messages to follow; give --nats URL or --data-dir DIR".to_owned(),
        ),
    };
    match outcome {
        Ok(End::Reached(place)) => {
            if let Some(router) = args.router.filter(|_| !printer.has_printed) {
                printer.rate.erase();
                tell_nothing_of(router, place);
            }
            ExitCode::SUCCESS
        }
        Ok(End::OutputClosed) => ExitCode::SUCCESS,
        Err(problem) => fail(problem),
    }
}

/// Why printing ended.
enum End {
    /// Everything was read. The source is named.
    Reached(String),
    /// Nobody reads the output any more.
    OutputClosed,
}

async fn follow_stream(config: &Config, args: &TailArgs, printer: &mut Printer) -> Result<End, String> {
    let base = &config.publish.subject_base;
    let options = StreamTailOptions {
        filters: printer.filter.subjects(base, printer.kinds),
        begin: args.begin(),
        at_end: args.at_end(),
    };
    let mut tail = StreamTail::open(config.nats_settings().source(), options)
        .await
        .map_err(|trouble| trouble.to_string())?;
    loop {
        let message = match printer.rate.wait_for(tail.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(End::Reached(format!("the stream {}", config.nats.stream))),
            Err(error @ (StreamTailError::Message { .. } | StreamTailError::Recreated { .. })) => {
                printer.complain(&error);
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
            Ok(Output::Closed) => return Ok(End::OutputClosed),
            Ok(Output::Failed(error)) => return Err(unwritable(&error)),
            Err(problem) => printer.complain(format_args!("{}: {problem}", place())),
        }
    }
}

async fn follow_segments(config: &Config, args: &TailArgs, printer: &mut Printer) -> Result<End, String> {
    let directory = config.file_settings().directory;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData => format!("{}: {error}", directory.display()),
        _ => format!(
            "can't read {}: {error}; name the data directory of a collector, or the server with --nats URL if the sink is nats",
            directory.display()
        ),
    };
    if !directory.is_dir() {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    let mut tail = SegmentTail::open(&directory, args.begin(), args.at_end()).map_err(failed)?;
    while let Some(message) = printer.rate.wait_for(tail.next()).await.map_err(failed)? {
        match printer.print(message.kind, &message.bytes) {
            Ok(Output::Read) => {}
            Ok(Output::Closed) => return Ok(End::OutputClosed),
            Ok(Output::Failed(error)) => return Err(unwritable(&error)),
            Err(problem) => printer.complain(format_args!("{}: {problem}", directory.display())),
        }
    }
    Ok(End::Reached(directory.display().to_string()))
}

/// How messages are printed.
enum Look {
    /// As one line of JSON each.
    Json,
    /// As text for a pipe or a file: parts are separated by one space.
    Text,
    /// In columns, on a terminal.
    Screen(Colours),
}

impl Look {
    fn of(args: &TailArgs) -> Self {
        if args.json {
            Self::Json
        } else if !io::stdout().is_terminal() {
            Self::Text
        } else if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            Self::Screen(Colours::None)
        } else {
            Self::Screen(Colours::Shown)
        }
    }
}

/// What became of the output.
enum Output {
    /// It is written.
    Read,
    /// Nobody reads it any more, as after `| head`.
    Closed,
    /// It can't be written.
    Failed(io::Error),
}

fn unwritable(error: &io::Error) -> String {
    format!("can't write to standard output: {error}")
}

/// Prints the messages that pass the filter.
struct Printer {
    filter: Filter,
    look: Look,
    kinds: Kinds,
    /// The buffer for the line of one message.
    line: Vec<u8>,
    /// How many messages were printed, on the last line of the terminal.
    rate: RateLine,
    /// Whether any message was printed.
    has_printed: bool,
}

impl Printer {
    /// Says on standard error that a message can't be shown.
    fn complain(&mut self, problem: impl Display) {
        self.rate.erase();
        print_problem(problem);
    }

    /// Prints the messages of a payload that pass the filter.
    fn print(&mut self, kind: MessageKind, payload: &[u8]) -> Result<Output, String> {
        if kind != MessageKind::Updates && self.kinds != Kinds::All {
            return Ok(Output::Read);
        }
        let mut out = io::stdout().lock();
        for message in Messages::new(payload) {
            let message = message.map_err(|error| error.to_string())?;
            self.line.clear();
            write_message(kind, &message, &mut self.line).map_err(|error| error.to_string())?;
            if !self.filter.passes(kind, &message) {
                continue;
            }
            self.rate.erase();
            let object = || serde_json::from_slice(&self.line).map_err(|error| error.to_string());
            let printed = match self.look {
                Look::Json => out.write_all(&self.line),
                Look::Text => writeln!(out, "{}", visible(&Line(&object()?).to_string())),
                Look::Screen(colours) => {
                    let message = &object()?;
                    let width = terminal_width();
                    writeln!(
                        out,
                        "{}",
                        ScreenLine {
                            message,
                            colours,
                            width
                        }
                    )
                }
            };
            match printed.and_then(|()| out.flush()) {
                Ok(()) => {
                    self.rate.count();
                    self.has_printed = true;
                }
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Output::Closed),
                Err(error) => return Ok(Output::Failed(error)),
            }
        }
        self.rate.write_if_due();
        Ok(Output::Read)
    }
}
