//! A directory of segment files: `<kind>-<number>.capnp`, whole messages of one kind back to back. The one that the
//! collector writes ends in `.capnp.open` until it is closed.
//!
//! The files of one kind are in order by their numbers. The kinds have no order among each other but that of their
//! routers' sequences: resyncs, which are events, are read ahead of the updates and worked in by their sequences.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::book::Book;
use crate::judge::Judge;
use crate::message::{Kind, Messages, Said, What};

const CHUNK: usize = 1 << 20;
/// More segments than this in one message are not ours.
const MOST_SEGMENTS: u32 = 512;

/// A directory and the place up to which each kind of its files is read.
#[derive(Debug)]
pub struct SegmentDirectory {
    directory: PathBuf,
    series: Vec<Series>,
}

impl SegmentDirectory {
    /// The files of this directory. Nothing of them is read yet.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        // Events come first: see above.
        let kinds = [
            Kind::Routers,
            Kind::Peers,
            Kind::Updates,
            Kind::Statistics,
            Kind::Malformed,
        ];
        Self {
            directory: directory.to_owned(),
            series: kinds.into_iter().map(Series::new).collect(),
        }
    }

    /// Lets the judge hear everything that the files hold now and did not hold at the last reading. Its rules must not
    /// have barriers.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn read<B: Book>(&mut self, judge: &mut Judge<B>) -> io::Result<()> {
        let mut resyncs: HashMap<IpAddr, VecDeque<Said<B::Value>>> = HashMap::new();
        for series in &mut self.series {
            series.read(&self.directory, &mut |kind, bytes| {
                for said in Messages::new(kind, bytes) {
                    let said = match said {
                        Ok(said) => said,
                        Err(unreadable) => return judge.unreadable(kind.word(), &unreadable),
                    };
                    judge.place(&said);
                    let of_router = resyncs.entry(said.subject.router).or_default();
                    if matches!(said.what, What::ResyncBegins(_) | What::ResyncEnds(..)) {
                        of_router.push_back(said);
                        continue;
                    }
                    while let Some(resync) = of_router
                        .pop_front_if(|resync| kind == Kind::Updates && resync.sequence < said.sequence)
                    {
                        judge.take(&resync);
                    }
                    judge.take(&said);
                }
            })?;
        }
        for resync in resyncs.into_values().flatten() {
            judge.take(&resync);
        }
        Ok(())
    }
}

/// The files of one kind.
#[derive(Debug)]
struct Series {
    kind: Kind,
    /// Number of the file that is read.
    number: u64,
    /// How much of that file is heard.
    heard: u64,
}

impl Series {
    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            number: 0,
            heard: 0,
        }
    }

    fn read(&mut self, directory: &Path, hear: &mut dyn FnMut(Kind, &[u8])) -> io::Result<()> {
        for number in self.numbers(directory)? {
            if number < self.number {
                continue;
            }
            if number > self.number {
                (self.number, self.heard) = (number, 0);
            }
            let path = directory.join(format!("{}-{number:020}.capnp", self.kind.word()));
            // It may be closed between the two attempts, and is never opened again.
            let file = match File::open(path.with_added_extension("open")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(&path),
                opened => opened,
            };
            match file {
                Ok(file) => self
                    .read_file(&file, hear)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?,
                // Retention removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the whole messages. A torn one at the end is read again next time: the writer completes it or cuts it off.
    fn read_file(&mut self, file: &File, hear: &mut dyn FnMut(Kind, &[u8])) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let (unheard, at) = (buffer.len(), self.heard + buffer.len() as u64);
            buffer.resize(unheard + CHUNK, 0);
            let read = file.read_at(buffer.get_mut(unheard..).unwrap_or_default(), at)?;
            buffer.truncate(unheard + read);
            if read == 0 {
                return Ok(());
            }
            let mut whole = 0;
            while let Some(length) = message_length(buffer.get(whole..).unwrap_or_default())? {
                whole += length;
            }
            hear(self.kind, buffer.get(..whole).unwrap_or_default());
            buffer.drain(..whole);
            self.heard += whole as u64;
        }
    }

    /// The numbers of the files, rising. Other files are passed over. A file that is renamed while the directory is read may
    /// show under neither name, so two readings must agree.
    fn numbers(&self, directory: &Path) -> io::Result<BTreeSet<u64>> {
        let mut numbers = self.numbers_once(directory)?;
        loop {
            let again = self.numbers_once(directory)?;
            if again == numbers {
                return Ok(numbers.into_iter().map(|(number, _)| number).collect());
            }
            numbers = again;
        }
    }

    /// The numbers and whether the file is open.
    fn numbers_once(&self, directory: &Path) -> io::Result<BTreeSet<(u64, bool)>> {
        let mut numbers = BTreeSet::new();
        for entry in std::fs::read_dir(directory)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| {
                let closed = name.strip_suffix(".open");
                let (kind, digits) = closed.unwrap_or(name).strip_suffix(".capnp")?.split_once('-')?;
                let number =
                    (kind == self.kind.word() && digits.len() == 20).then(|| digits.parse::<u64>().ok())?;
                Some((number?, closed.is_some()))
            });
            numbers.extend(number);
        }
        Ok(numbers)
    }
}

/// The length of the message at the start of these bytes; `None` where not all of it is there.
fn message_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let number = |word: usize| {
        let octets = bytes.get(4 * word..)?.first_chunk()?;
        Some(u32::from_le_bytes(*octets))
    };
    let Some(segments) = number(0).map(|last| last.saturating_add(1)) else {
        return Ok(None);
    };
    if segments > MOST_SEGMENTS {
        let text = format!("a message of {segments} segments is not Cap'n Proto");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut length = (4 * (segments as usize + 1)).next_multiple_of(8);
    for segment in 1..=segments as usize {
        let Some(words) = number(segment) else {
            return Ok(None);
        };
        length += 8 * words as usize;
    }
    Ok((length <= bytes.len()).then_some(length))
}
