//! `arancini demo --serve`: a collector with made-up routers whose routes keep changing, until a signal ends it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use arancini_collector::Collector;
use arancini_collector::config::{Config, SinkKind};
use arancini_generate::Random;
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::router::DemoRouter;
use super::summary::StoryError;
use crate::output::print_words;

/// Number of routers.
const ROUTERS: u8 = 6;
/// Time between two rounds of changes.
const ROUND: Duration = Duration::from_millis(100);
/// A peer goes down or up once in this many rounds.
const ROUNDS_PER_FLAP: u32 = 40;
/// The last router goes away or comes back once in this many rounds.
const ROUNDS_PER_ABSENCE: u32 = 300;
/// How long the collector may take for its end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the collector and its routers until Ctrl-C, SIGTERM or SIGQUIT.
pub(super) fn serve(control: Option<SocketAddr>) -> Result<(), StoryError> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGQUIT])?;
    let directory = std::env::temp_dir().join(format!("arancini-demo-{}", std::process::id()));
    let collector = start(&directory, control)?;
    let begun = show_until(&collector, || signals.pending().next().is_some());
    collector.stop(PATIENCE);
    // An error does not matter: the sink `null` writes nothing there.
    let _ = std::fs::remove_dir_all(&directory);
    begun
}

fn start(directory: &Path, control: Option<SocketAddr>) -> Result<Collector, StoryError> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::default();
    config.listen.address = vec![any_port];
    config.control.address = control.unwrap_or(any_port);
    config.publish.sink = Some(SinkKind::Null);
    config.file.data_dir = directory.to_owned();
    Ok(Collector::start(&config)?)
}

/// Connects the routers, prints the address of the page, and lets routes change until the end.
fn show_until(collector: &Collector, mut is_over: impl FnMut() -> bool) -> Result<(), StoryError> {
    let address = collector.addresses()[0];
    let mut routers: Vec<_> = (1..=ROUTERS).map(DemoRouter::new).collect();
    for router in &mut routers {
        router.come(address)?;
    }
    if let Some(control) = collector.control_address() {
        print_words(format_args!("The page is at http://{control}/"));
        print_words(format_args!(
            "{ROUTERS} made-up routers change their routes. Ctrl-C ends the demo.\n\
            The same as text: arancini show routers --control http://{control}"
        ));
    }
    let mut random = Random::new(1);
    for round in 1_u32.. {
        if is_over() {
            break;
        }
        for router in &mut routers {
            router.churn(&mut random)?;
        }
        if round.is_multiple_of(ROUNDS_PER_FLAP) {
            let number = random.below(u32::from(ROUTERS) - 1) as usize;
            routers[number].flap(&mut random)?;
        }
        if let Some(last) = routers.last_mut() {
            match round % ROUNDS_PER_ABSENCE {
                200 => last.go(),
                0 => last.come(address)?,
                _ => {}
            }
        }
        std::thread::sleep(ROUND);
    }
    Ok(())
}
