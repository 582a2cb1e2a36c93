//! The ring with real sockets.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{Ring, What};

const SLOT_BYTES: usize = 4096;

/// A completion with its bytes copied.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Bytes(u64, Vec<u8>),
    NoSlot(u64),
    End(u64),
    Failed(u64, Errno),
}

fn ring() -> Option<Ring> {
    if let Err(error) = super::super::probe() {
        println!("skipped: {error}");
        return None;
    }
    Some(Ring::new(2, SLOT_BYTES).unwrap())
}

/// Everything that is there, and the tokens of the receives that ended.
fn reap(ring: &mut Ring) -> (Vec<Came>, Vec<u64>) {
    let mut came = Vec::new();
    let mut ended = Vec::new();
    ring.submit().unwrap();
    while let Some(completion) = ring.take() {
        let token = completion.token;
        ended.extend((!completion.armed).then_some(token));
        came.push(match completion.what {
            What::Bytes(piece) => Came::Bytes(token, piece.bytes().to_vec()),
            What::NoSlot => Came::NoSlot(token),
            What::End => Came::End(token),
            What::Failed(error) => Came::Failed(token, error),
        });
    }
    (came, ended)
}

fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 31 + seed * 7 + at / 251) as u8)
        .collect()
}

#[test]
fn short_messages_share_a_slot_and_each_is_handed_out_where_it_lies() {
    let Some(mut ring) = ring() else { return };
    let (mut a, a_end) = UnixStream::pair().unwrap();
    let (mut b, b_end) = UnixStream::pair().unwrap();
    ring.arm(1, a_end.as_fd()).unwrap();
    ring.arm(2, b_end.as_fd()).unwrap();
    assert_eq!(reap(&mut ring), (vec![], vec![]));
    // Far more messages than slots, with no slot given back in between.
    for round in 0..100u8 {
        a.write_all(&[round]).unwrap();
        assert_eq!(reap(&mut ring).0, [Came::Bytes(1, vec![round])]);
        b.write_all(&[round, round]).unwrap();
        assert_eq!(reap(&mut ring).0, [Came::Bytes(2, vec![round, round])]);
    }
}

#[test]
fn with_all_slots_in_use_receives_end_and_go_on_when_armed_again() {
    let Some(mut ring) = ring() else { return };
    let (mut writer, reader) = UnixStream::pair().unwrap();
    let sent = pattern(1, 10 * SLOT_BYTES + 77);
    writer.write_all(&sent).unwrap();
    ring.arm(1, reader.as_fd()).unwrap();
    let mut received = Vec::new();
    let mut times_ended = 0;
    while received.len() < sent.len() {
        let (came, ended) = reap(&mut ring);
        for one in came {
            match one {
                Came::Bytes(1, bytes) => received.extend(bytes),
                Came::NoSlot(1) => {}
                other => panic!("{other:?}"),
            }
        }
        for token in ended {
            times_ended += 1;
            ring.arm(token, reader.as_fd()).unwrap();
        }
    }
    assert_eq!(received, sent);
    assert!(times_ended >= 4, "two slots at a time: {times_ended}");
}

#[test]
fn bytes_of_many_sockets_are_not_mixed_up() {
    const SOCKETS: usize = 20;
    let Some(mut ring) = ring() else { return };
    let mut sockets = Vec::new();
    for number in 0..SOCKETS {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        let sent = pattern(number, 3 * SLOT_BYTES + 17 * number);
        writer.write_all(&sent).unwrap();
        drop(writer);
        ring.arm(number as u64, reader.as_fd()).unwrap();
        sockets.push((reader, sent, Vec::new()));
    }
    let mut open = SOCKETS;
    while open > 0 {
        let (came, mut ended) = reap(&mut ring);
        for one in came {
            match one {
                Came::Bytes(token, bytes) => sockets[token as usize].2.extend(bytes),
                Came::NoSlot(_) => {}
                Came::End(token) => {
                    open -= 1;
                    ended.retain(|&other| other != token);
                }
                Came::Failed(..) => panic!("{one:?}"),
            }
        }
        for token in ended {
            ring.arm(token, sockets[token as usize].0.as_fd()).unwrap();
        }
    }
    for (number, (_, sent, received)) in sockets.iter().enumerate() {
        assert!(sent == received, "socket {number}");
    }
}

#[test]
fn an_end_and_a_cancellation_are_the_last_that_comes() {
    let Some(mut ring) = ring() else { return };
    let (writer, reader) = UnixStream::pair().unwrap();
    let (mut other, other_end) = UnixStream::pair().unwrap();
    ring.arm(1, reader.as_fd()).unwrap();
    ring.arm(2, other_end.as_fd()).unwrap();
    drop(writer);
    assert_eq!(reap(&mut ring), (vec![Came::End(1)], vec![1]));
    other.write_all(b"x").unwrap();
    ring.cancel(2).unwrap();
    let (mut came, mut ended) = reap(&mut ring);
    while ended.is_empty() {
        let (more, over) = reap(&mut ring);
        came.extend(more);
        ended.extend(over);
    }
    assert_eq!(came.last(), Some(&Came::Failed(2, Errno::CANCELED)));
    assert_eq!(ended, [2]);
    other.write_all(b"y").unwrap();
    assert_eq!(reap(&mut ring), (vec![], vec![]));
}

#[test]
fn the_eventfd_wakes_who_listens_and_leaves_alone_who_is_reaping() {
    let Some(mut ring) = ring() else { return };
    let signalled = |ring: &Ring| {
        let wake = ring.wake();
        let now = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(&wake, PollFlags::IN)], Some(&now)).unwrap() == 1
    };
    let (mut writer, reader) = UnixStream::pair().unwrap();
    ring.arm(1, reader.as_fd()).unwrap();
    reap(&mut ring);
    ring.hush();
    assert!(!signalled(&ring));
    writer.write_all(b"while reaping").unwrap();
    assert!(!signalled(&ring));
    assert!(ring.listen(), "who stops reaping is told of what came meanwhile");
    ring.hush();
    assert_eq!(reap(&mut ring).0.len(), 1);
    assert!(!ring.listen());
    writer.write_all(b"later").unwrap();
    assert!(signalled(&ring));
    ring.hush();
    assert!(!signalled(&ring));
    assert_eq!(reap(&mut ring).0.len(), 1);
}

#[test]
fn a_ring_that_is_dropped_lets_go_of_its_sockets_and_writes_to_no_slot_after() {
    let Some(mut ring) = ring() else { return };
    let pairs: Vec<_> = (0..300).map(|_| UnixStream::pair().unwrap()).collect();
    let mut writers = Vec::new();
    for (number, (writer, reader)) in pairs.into_iter().enumerate() {
        ring.arm(number as u64, reader.as_fd()).unwrap();
        if number % 2 == 0 {
            ring.submit().unwrap();
            (&writer).write_all(&[1; 100]).unwrap();
        }
        writers.push((writer, reader));
    }
    drop(ring);
    for (mut writer, mut reader) in writers {
        // Nobody takes it away from us any more.
        writer.write_all(&[2; 10]).unwrap();
        drop(writer);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest[rest.len() - 10..], [2; 10]);
    }
}
