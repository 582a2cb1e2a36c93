//! The files compared with a queue in memory, and exposed to crashes and damage.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use arancini_client::{Compression, PayloadForm};
use arancini_core::BatchKind;
use proptest::prelude::*;

use super::files::{Lost, Next, Spool};
use super::segment::{list, path_of};
use super::*;
use crate::message::{Life, Message};

fn life(incarnation: u64) -> Life {
    Life {
        collector: "collector".to_owned(),
        incarnation,
    }
}

fn message(number: u64, bytes: usize) -> Message {
    Message {
        kind: BatchKind::Peers,
        subject: format!("arancini.peers.v4_192_0_2_1.{}", number % 7).into(),
        router: if number.is_multiple_of(2) {
            IpAddr::from([192, 0, 2, 1])
        } else {
            IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])
        },
        payload: vec![number as u8; bytes].into(),
        form: PayloadForm::default(),
        messages: 3,
        first_sequence: number * 10,
        last_sequence: number * 10 + 9,
        worker: 5,
        number,
        part: 0,
        is_last: true,
        life: None,
        spooled: None,
        set_aside: false,
    }
}

fn open(directory: &Path, incarnation: u64) -> Spool {
    Spool::open(directory, 16_000, life(incarnation)).unwrap()
}

/// Returns the numbers of the messages that can be read, and the number of lost messages.
fn drain(spool: &mut Spool) -> (Vec<u64>, u64) {
    let (mut numbers, mut lost) = (Vec::new(), 0);
    loop {
        match spool.next().unwrap() {
            Next::Message(message) => numbers.push(message.number),
            Next::Lost(count) => lost += count.messages,
            Next::Nothing => return (numbers, lost),
        }
    }
}

fn read_numbers(directory: &Path) -> Vec<u64> {
    let all = read_all(directory).unwrap();
    all.filter_map(|batch| Some(batch.ok()?.number)).collect()
}

#[test]
fn a_message_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), 1);
    let mut sent = message(7, 100);
    let plain = vec![1; 5000];
    sent.form.compression = Compression::Zstd;
    sent.payload = zstd::bulk::compress(&plain, 1).unwrap().into();
    (sent.part, sent.is_last) = (3, false);
    spool.append(&sent, 42).unwrap();
    let Next::Message(back) = spool.next().unwrap() else {
        panic!("nothing there")
    };
    assert_eq!(back.life, None, "of this life");
    assert_eq!(back.spooled, Some(3));
    let same = Message {
        spooled: None,
        set_aside: false,
        ..back
    };
    assert_eq!(format!("{same:?}"), format!("{sent:?}"));
    assert_eq!(spool.head().unwrap().floor, 42);
    drop(spool);

    let batches: Vec<_> = read_all(directory.path()).unwrap().map(Result::unwrap).collect();
    let [batch] = &batches[..] else { panic!("one") };
    assert_eq!((batch.collector.as_str(), batch.incarnation), ("collector", 1));
    assert_eq!(
        (batch.worker, batch.number, batch.part, batch.is_last),
        (5, 7, 3, false)
    );
    assert_eq!(batch.payload, plain, "not compressed");
    assert_eq!((batch.kind, batch.router), (sent.kind, sent.router));
    let mut next = open(directory.path(), 2);
    let Next::Message(back) = next.next().unwrap() else {
        panic!("nothing there")
    };
    assert_eq!(back.life.as_deref(), Some(&life(1)), "of an earlier run");
}

#[test]
fn there_is_nothing_in_no_directory_and_one_owner_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(read_all(&directory.path().join("none")).unwrap().count(), 0);
    let first = open(directory.path(), 1);
    let second = Spool::open(directory.path(), 16_000, life(2)).err().unwrap();
    assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    open(directory.path(), 2);
}

/// Writes a spool of several files with `count` messages.
fn written(directory: &Path, count: u64) {
    let mut spool = open(directory, 1);
    for number in 1..=count {
        spool.append(&message(number, 300), 0).unwrap();
    }
    spool.sync().unwrap();
    assert!(list(directory).unwrap().len() >= 2, "several files");
}

#[test]
fn a_file_cut_short_anywhere_gives_what_is_whole() {
    let origin = tempfile::tempdir().unwrap();
    written(origin.path(), 8);
    let last = *list(origin.path()).unwrap().last().unwrap();
    let whole = std::fs::read(path_of(origin.path(), last)).unwrap();
    let before = read_numbers(origin.path());
    for length in 0..whole.len() {
        std::fs::write(path_of(origin.path(), last), &whole[..length]).unwrap();
        let read = read_numbers(origin.path());
        let copy = copied(origin.path());
        let mut spool = open(copy.path(), 2);
        assert_eq!(spool.unread(), read.len() as u64);
        assert_eq!(drain(&mut spool), (read.clone(), 0), "cut to {length}");
        assert!(before.starts_with(&read) && read.len() < before.len());
        spool.append(&message(99, 10), 0).unwrap();
        assert_eq!(drain(&mut spool).0, [99], "and goes on");
        drop(spool);
        let again = read_all(copy.path()).unwrap().map(Result::unwrap);
        assert_eq!(again.count(), read.len() + 1, "nothing unreadable is left");
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_the_rest_of_its_file_and_nothing_else() {
    let origin = tempfile::tempdir().unwrap();
    written(origin.path(), 8);
    let all = read_numbers(origin.path());
    for number in list(origin.path()).unwrap() {
        let path = path_of(origin.path(), number);
        let whole = std::fs::read(&path).unwrap();
        for byte in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1 << (byte % 8);
            std::fs::write(&path, &damaged).unwrap();
            let errors = read_all(origin.path()).unwrap().filter(Result::is_err).count();
            let read = read_numbers(origin.path());
            assert!(read.len() < all.len(), "unnoticed at {byte}");
            assert_eq!(errors, 1);
            let rest = all.iter().filter(|number| read.contains(number));
            assert!(rest.eq(&read), "in order");
            // In the damaged file, the messages before the damage can be read.
            if byte % 97 == 0 {
                let copy = copied(origin.path());
                let mut spool = open(copy.path(), 2);
                assert_eq!(drain(&mut spool).0, read);
                spool.release(read.len() as u64);
                assert_eq!(spool.held(), 0);
                let aside = std::fs::read_dir(copy.path()).unwrap().flatten();
                let aside = aside.filter(|entry| entry.file_name().to_string_lossy().contains("damaged"));
                assert_eq!(aside.count(), 1, "what can't be read is set aside");
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn damage_that_comes_while_it_runs_is_told_and_passed() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), 1);
    for number in 1..=3 {
        spool.append(&message(number, 300), 0).unwrap();
    }
    let path = path_of(directory.path(), list(directory.path()).unwrap()[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(drain(&mut spool), (vec![1], 2));
    spool.append(&message(4, 300), 0).unwrap();
    assert_eq!(drain(&mut spool), (vec![4], 0));
    spool.release(2);
    assert_eq!((spool.held(), spool.bytes()), (0, 0));
}

fn copied(origin: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(origin).unwrap().flatten() {
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// A named pipe with the name of a file made the collector wait for ever, and the highest number an overflow.
#[test]
fn what_only_has_the_name_of_a_file_of_the_spool_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = |number| path_of(directory.path(), number);
    std::fs::write(path(u64::MAX), "").unwrap();
    std::fs::create_dir(path(7)).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(path(9))
        .status()
        .unwrap();
    assert!(made.success());
    let mut spool = open(directory.path(), 1);
    spool.append(&message(1, 100), 0).unwrap();
    assert_eq!(drain(&mut spool), (vec![1], 0));
    assert_eq!(read_numbers(directory.path()), [1]);
    for number in [u64::MAX, 7, 9] {
        assert!(path(number).symlink_metadata().is_ok(), "it stays where it is");
    }
}

/// The files were used on as if they were there.
#[test]
fn what_was_read_from_files_that_are_removed_is_not_lost_and_the_rest_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let mut spool = open(&path, 1);
    for number in 1..=20 {
        spool.append(&message(number, 300), 0).unwrap();
    }
    let read: Vec<_> = (0..9)
        .map(|_| match spool.next().unwrap() {
            Next::Message(message) => message,
            next => panic!("{next:?}"),
        })
        .collect();
    spool.release(2);
    assert_eq!(spool.give_up_removed(), Lost::default());
    assert!(spool.keep_place().unwrap());
    std::fs::remove_dir_all(&path).unwrap();
    let lost = spool.give_up_removed();
    assert_eq!((lost.messages, lost.own.batches, lost.own.messages), (11, 11, 33));
    assert_eq!(spool.give_up_removed(), Lost::default(), "counted once");
    let error = spool.append(&message(21, 300), 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "not without the lock");
    assert!(!spool.keep_place().unwrap());
    assert!(spool.keep_place().unwrap());
    spool.append(&message(21, 300), 0).unwrap();
    // What was read before comes first, and is no part of the new file.
    spool.release(3);
    assert_eq!(drain(&mut spool), (vec![21], 0));
    let front = read[5..].iter().cloned().chain([message(21, 300)]);
    spool.park(front.collect(), 0).unwrap();
    assert_eq!(read_numbers(&path), [6, 7, 8, 9, 21]);
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Read(u8),
    Release(u8),
    Sync,
    /// The process is killed and started again.
    Crash,
    /// The spool ends in order: messages that were read and not released go back in front, with this number of messages
    /// that were never in the files.
    Park(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3000_usize).prop_map(Step::Append),
        4 => (1..5_u8).prop_map(Step::Read),
        3 => (1..5_u8).prop_map(Step::Release),
        1 => Just(Step::Sync),
        1 => Just(Step::Crash),
        1 => (1..4_u8).prop_map(Step::Park),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_queue(steps in prop::collection::vec(step(), 1..120)) {
        let directory = tempfile::tempdir().unwrap();
        let mut incarnation = 1;
        let mut spool = open(directory.path(), incarnation);
        let mut number = 0;
        let mut unread: VecDeque<u64> = VecDeque::new();
        let mut read: VecDeque<Message> = VecDeque::new();
        for step in steps {
            match step {
                Step::Append(bytes) => {
                    number += 1;
                    spool.append(&message(number, bytes), number).unwrap();
                    unread.push_back(number);
                }
                Step::Read(count) => {
                    for _ in 0..count {
                        match (spool.next().unwrap(), unread.pop_front()) {
                            (Next::Message(message), Some(number)) => {
                                prop_assert_eq!(message.number, number);
                                read.push_back(message);
                            }
                            (Next::Nothing, None) => {}
                            (next, number) => prop_assert!(false, "{:?} for {:?}", next, number),
                        }
                    }
                }
                Step::Release(count) => {
                    let count = read.len().min(count.into());
                    read.drain(..count);
                    spool.release(count as u64);
                }
                Step::Sync => spool.sync().unwrap(),
                Step::Crash => {
                    drop(spool);
                    incarnation += 1;
                    spool = open(directory.path(), incarnation);
                    // Messages that were not released are read again, and those that share a file with them.
                    let (numbers, lost) = drain(&mut spool);
                    let known: Vec<_> = read.drain(..).map(|message| message.number).chain(unread.drain(..)).collect();
                    prop_assert!(numbers.ends_with(&known));
                    prop_assert_eq!(lost, 0);
                    prop_assert_eq!(&read_numbers(directory.path()), &numbers);
                    spool.release((numbers.len() - known.len()) as u64);
                    read = known.iter().map(|number| message(*number, 10)).collect();
                }
                Step::Park(new) => {
                    let mut front: Vec<_> = read.drain(..).collect();
                    let mut known: Vec<_> = front.iter().map(|message| message.number).collect();
                    for _ in 0..new {
                        number += 1;
                        front.push(message(number, 50));
                        known.push(number);
                    }
                    known.extend(unread.drain(..));
                    spool.park(front, 0).unwrap();
                    drop(spool);
                    prop_assert_eq!(&read_numbers(directory.path()), &known, "all of it, once, in order");
                    incarnation += 1;
                    spool = open(directory.path(), incarnation);
                    unread.extend(known);
                }
            }
            prop_assert_eq!(spool.unread(), unread.len() as u64);
            prop_assert_eq!(spool.held(), (unread.len() + read.len()) as u64);
            prop_assert_eq!(spool.bytes() == 0, spool.held() == 0);
            let on_disk = list(directory.path()).unwrap();
            let on_disk = on_disk.iter().map(|number| path_of(directory.path(), *number).metadata().unwrap().len());
            prop_assert_eq!(on_disk.sum::<u64>(), spool.bytes(), "files go once they are released");
        }
    }
}
