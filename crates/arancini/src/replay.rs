//! `arancini replay`: sends recorded BMP streams to a collector.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Args;

use arancini_collector::replay::{
    AtTheEnd, Options, Pace, Progress, Recording, ReplayError, Sent, Summary, send,
};

use crate::exit::fail;
use crate::output::print_line;

/// Send recorded BMP streams to a collector.
///
/// Reads raw streams, `.zst` files, packet captures (pcap, pcapng) with any number of BMP connections, and MRT files, which become
/// the stream of one made-up router. Each stream is sent over a connection of its own. With several --from addresses, several routers send at the same time.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini replay --to 127.0.0.1:4000 capture.bmp.zst\n  \
    arancini replay --to 127.0.0.1:4000 --from 127.0.0.2,127.0.0.3 --paced --speed 10 capture.pcap"
)]
pub struct ReplayArgs {
    /// Files with the recorded streams; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Address of the collector.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4000", value_parser = resolve)]
    pub to: SocketAddr,
    /// Source addresses on this host, one per router; may be repeated. On Linux every address in 127.0.0.0/8 works.
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub from: Vec<IpAddr>,
    /// Send with the recorded pauses instead of at full speed. The pauses are taken from the packets of a capture, else from
    /// the times in the messages.
    #[arg(long)]
    pub paced: bool,
    /// With --paced: speed up by this factor.
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "paced", value_parser = positive)]
    pub speed: f64,
    /// With --paced: the longest single pause, in milliseconds. A limit is needed because the routes of a first dump carry
    /// the times at which the router learned them, which can be hours apart.
    #[arg(long, value_name = "MS", default_value_t = 5000, requires = "paced")]
    pub max_pause_ms: u64,
    /// Send each stream this many times, each time over a new connection.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Keep the last connections open until Ctrl-C, or until the collector closes them.
    #[arg(long)]
    pub hold: bool,
    /// Keep the last connections open for this many milliseconds.
    #[arg(long, value_name = "MS", conflicts_with = "hold")]
    pub hold_ms: Option<u64>,
}

fn resolve(text: &str) -> Result<SocketAddr, String> {
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| format!("{error}; write HOST:PORT, like [::1]:4000"))?;
    found
        .next()
        .ok_or_else(|| "this name resolves to no address".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if speed > 0.0 && f64::is_finite(speed) => Ok(speed),
        _ => Err("write a number above 0, like 0.5 or 10".to_owned()),
    }
}

/// Sends the recordings.
#[must_use]
pub fn run(args: &ReplayArgs) -> ExitCode {
    match replay(args) {
        Ok(sent) => {
            print_summary(&sent.summary);
            let messages = sent.summary.messages.total();
            hold(args, sent);
            if messages == 0 {
                return fail(
                    "there is no BMP version 3 message in what was sent; give a recorded BMP stream or a packet capture of one",
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

fn replay(args: &ReplayArgs) -> Result<Sent, ReplayError> {
    let mut recordings = Vec::new();
    for file in &args.files {
        recordings.extend(Recording::read(file)?);
    }
    for recording in &recordings {
        for note in &recording.notes {
            eprintln!("{}: {note}", recording.name);
        }
    }
    let options = Options {
        to: args.to,
        from: args.from.clone(),
        pace: if args.paced {
            Pace::Recorded {
                speed: args.speed,
                longest_pause: Duration::from_millis(args.max_pause_ms),
            }
        } else {
            Pace::FullSpeed
        },
        repeat: args.repeat,
        at_the_end: if args.hold || args.hold_ms.is_some() {
            AtTheEnd::KeepOpen
        } else {
            AtTheEnd::Close
        },
    };
    let progress = Progress::default();
    let (done, is_done) = channel::<()>();
    std::thread::scope(|scope| {
        let progress = &progress;
        scope.spawn(move || {
            let begin = Instant::now();
            while is_done.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let (bytes, messages) = (progress.bytes.load(Relaxed), progress.messages.load(Relaxed));
                eprintln!(
                    "{:>4} s  {messages} messages  {} MB",
                    begin.elapsed().as_secs(),
                    bytes / 1_000_000
                );
            }
        });
        let sent = send(&recordings, &options, progress);
        drop(done);
        sent
    })
}

fn print_summary(summary: &Summary) {
    let seconds = summary.elapsed.as_secs_f64();
    print_line(format_args!("{:<20}{}", "sessions", summary.sessions));
    print_line(format_args!("{:<20}{}", "bytes", summary.bytes));
    if summary.unframed_bytes > 0 {
        print_line(format_args!(
            "{:<20}{} (not part of a whole BMP version 3 message)",
            "  unframed bytes", summary.unframed_bytes
        ));
    }
    print_line(format_args!("{:<20}{}", "messages", summary.messages.total()));
    for (name, count) in summary.messages.named().filter(|(_, count)| *count > 0) {
        print_line(format_args!("  {name:<18}{count}"));
    }
    print_line(format_args!("{:<20}{seconds:.3}", "seconds"));
}

/// Keeps the last connections open as long as the flags say.
fn hold(args: &ReplayArgs, sent: Sent) {
    if let Some(ms) = args.hold_ms {
        std::thread::sleep(Duration::from_millis(ms));
    } else if args.hold {
        let count = sent.open.len();
        let connections = if count == 1 { "connection" } else { "connections" };
        eprintln!("holding {count} {connections} open; press Ctrl-C to close");
        for mut stream in sent.open {
            // A collector sends nothing, so the copy returns when the collector closes the connection. An error is as good
            // an end as a clean close.
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    }
}
