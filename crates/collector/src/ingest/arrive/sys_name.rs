//! Stage: the sysName of a router that its address does not identify.
//!
//! The worker that accepted the connection reads the first Initiation, because the sysName in it says which router it is, and
//! so which worker owns the router. Nothing behind the Initiation is read: the owner begins with it, as if it had just come.
//! Nothing is published meanwhile, so a full bridge does not matter.

use std::fmt;

use arancini_wire::WireError;
use arancini_wire::bmp::{COMMON_HEADER_LEN, Initiation, Message, frame_length};
use arancini_wire::iana::bmp::MessageType;
use monoio::net::TcpStream;

use super::first_message::{not_bmp, pass_over};
use super::receive::{readable, receive};
use super::waiting::Place;
use crate::config::MOST_SYS_NAME_BYTES;
use crate::ingest::end::{End, EndReason};
use crate::ingest::lane::Lane;

/// How a router named itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its sysName.
    pub sys_name: String,
    /// The Initiation that has the sysName: the first message of the session, which the core has not taken yet.
    pub initiation: Vec<u8>,
}

/// Why an Initiation names no router, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nameless {
    /// Another message comes before it. "The first message sent in the BMP session" is the Initiation (RFC 7854 §4.3).
    OtherMessage(MessageType),
    /// It can't be parsed.
    Unreadable(WireError),
    /// It has no sysName, although it "MUST" have one (RFC 7854 §4.3).
    Absent,
    /// Its sysName has no bytes.
    Empty,
    /// Its sysName has so many bytes, more than [`MOST_SYS_NAME_BYTES`].
    TooLong(usize),
    /// Its sysName is not UTF-8 (RFC 7854 §4.4).
    NotUtf8(String),
}

impl fmt::Display for Nameless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherMessage(other) => write!(
                f,
                "its first message is {} and no Initiation, so nobody knows which router it is; let a router that sends no \
                 Initiation first connect to a listener with another routers.identify_by",
                other.name()
            ),
            Self::Unreadable(error) => write!(f, "its Initiation can't be parsed: {error}"),
            Self::Absent => f.write_str(
                "its Initiation has no sysName, so nobody knows which router it is; configure a host name on the router, or let it \
                 connect to a listener with another routers.identify_by",
            ),
            Self::Empty => f.write_str(
                "the sysName in its Initiation is empty, so nobody knows which router it is; configure a host name on the router",
            ),
            Self::TooLong(bytes) => write!(
                f,
                "the sysName in its Initiation has {bytes} bytes, and at most {MOST_SYS_NAME_BYTES} identify a router; shorten the \
                 host name of the router"
            ),
            Self::NotUtf8(name) => write!(
                f,
                "the sysName in its Initiation is not UTF-8 ({name:?}); change the host name of the router"
            ),
        }
    }
}

/// Receives the first Initiation, and says which name the router has.
///
/// # Errors
/// What came is no Initiation with a sysName, or the connection ended or failed before, or the worker stops.
pub async fn named(
    lane: &Lane,
    stream: &TcpStream,
    max_message_bytes: usize,
    place: &Place,
) -> Result<Named, End> {
    let mut bytes = Vec::new();
    let mut is_first = true;
    loop {
        let length = frame_length(&bytes, max_message_bytes).map_err(|error| not_bmp(&bytes, error))?;
        let missing = length.unwrap_or(COMMON_HEADER_LEN) - bytes.len();
        // The type is in the header: no other message is waited for.
        let is_unknown = match message_type(&bytes) {
            None | Some(MessageType::Initiation) => false,
            Some(MessageType::Unknown(_)) => true,
            Some(other) => return Err(nameless(&Nameless::OtherMessage(other))),
        };
        if missing == 0 {
            if !is_unknown {
                let sys_name = sys_name(&bytes).map_err(|error| nameless(&error))?;
                let initiation = bytes;
                return Ok(Named { sys_name, initiation });
            }
            pass_over(lane, &bytes);
            (bytes, is_first) = (Vec::new(), false);
        } else {
            readable(lane, stream).await?;
            match receive(lane, stream, &mut bytes, missing) {
                // A check of a load balancer that sends no headers, or of whatever else looks for an open port.
                Err(end)
                    if is_first
                        && bytes.is_empty()
                        && matches!(end.reason, EndReason::Closed | EndReason::Failed) =>
                {
                    return Err(EndReason::HealthCheck.into());
                }
                received => received?,
            }
        }
        place.hold(lane, bytes.len());
    }
}

/// The type of the message that begins like this; `None` if the header is incomplete.
fn message_type(bytes: &[u8]) -> Option<MessageType> {
    let header = bytes.first_chunk::<COMMON_HEADER_LEN>()?;
    header.last().copied().map(MessageType::from_code)
}

/// The sysName of a whole Initiation.
fn sys_name(message: &[u8]) -> Result<String, Nameless> {
    match Message::new_checked(message) {
        Ok(Message::Initiation(initiation)) => name_in(&initiation),
        Ok(_) => Err(Nameless::Absent),
        Err(error) => Err(Nameless::Unreadable(error)),
    }
}

fn name_in(initiation: &Initiation<'_>) -> Result<String, Nameless> {
    // Such a message is skipped as malformed, so its name would identify a router that never says it.
    if let Some(error) = initiation.tlvs().find_map(Result::err) {
        return Err(Nameless::Unreadable(error));
    }
    let name = initiation.sys_name().ok_or(Nameless::Absent)?;
    match name.len() {
        0 => return Err(Nameless::Empty),
        bytes if bytes > MOST_SYS_NAME_BYTES => return Err(Nameless::TooLong(bytes)),
        _ => {}
    }
    String::from_utf8(name.to_vec())
        .map_err(|error| Nameless::NotUtf8(String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn nameless(error: &Nameless) -> End {
    End::with_details(EndReason::SysName, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Initiation with these TLVs.
    fn initiation(tlvs: &[(u16, &[u8])]) -> Vec<u8> {
        arancini_generate::initiation_with(tlvs)
    }

    #[test]
    fn the_first_sys_name_of_an_initiation_names_the_router() {
        let longest = "é".repeat(127) + "x";
        for (tlvs, name) in [
            (&[(2, b"edge-7".as_slice())][..], "edge-7"),
            (&[(1, b"FRR".as_slice()), (2, b"edge-7"), (0, b"hello")], "edge-7"),
            (&[(2, b"edge-7".as_slice()), (2, b"edge-8")], "edge-7"),
            (&[(2, longest.as_bytes())], &longest),
            (&[(9, b"".as_slice()), (2, b"10.0.0.1 \0")], "10.0.0.1 \0"),
        ] {
            assert_eq!(sys_name(&initiation(tlvs)), Ok(name.to_owned()), "{tlvs:?}");
        }
    }

    #[test]
    fn an_initiation_without_a_usable_name_says_why() {
        let long = [b'x'; MOST_SYS_NAME_BYTES + 1];
        for (tlvs, why) in [
            (&[][..], Nameless::Absent),
            (&[(1, b"FRR".as_slice())], Nameless::Absent),
            (&[(2, b"".as_slice())], Nameless::Empty),
            (&[(2, &long)], Nameless::TooLong(long.len())),
            (
                &[(2, b"r\xff".as_slice())],
                Nameless::NotUtf8("r\u{fffd}".to_owned()),
            ),
        ] {
            assert_eq!(sys_name(&initiation(tlvs)), Err(why), "{tlvs:?}");
        }
        let mut cut = initiation(&[(2, b"edge-7"), (1, b"FRR")]);
        let end = cut.len() - 4;
        cut[end] = 200;
        assert!(matches!(sys_name(&cut), Err(Nameless::Unreadable(_))), "{cut:?}");
    }
}
