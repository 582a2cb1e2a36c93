//! A client of RIS Live, and routers that it hears of.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use arancini_generate::{Attributes, Open, Peer, Prefix, Update, initiation, peer_up, route_monitoring};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderValue, Response};
use tungstenite::{Error, Message, WebSocket};

use crate::support::{DEADLINE, Rig, Router, peer};

/// The address of the router's side of each session, and the next hop of its routes.
pub const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

/// A connection that goes on after a signal. A test that is stopped and continued gets one.
struct Patient(TcpStream);

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A client with an open websocket.
pub struct Client {
    socket: WebSocket<Patient>,
}

impl Client {
    /// Connects without subscribing.
    pub fn connect(rig: &Rig) -> Self {
        Self::connect_to(rig.control(), "/v1/ws", &[]).unwrap()
    }

    /// Connects, and subscribes to what these fields select.
    pub fn subscribed(rig: &Rig, fields: Value) -> Self {
        let mut client = Self::connect(rig);
        client.subscribe(fields);
        client
    }

    /// Connects with further headers. Returns the answer of a server that refuses.
    pub fn connect_to(
        control: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Response<Option<Vec<u8>>>>> {
        let stream = TcpStream::connect(control).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut request = format!("ws://{control}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        match tungstenite::client(request, Patient(stream)) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a request.
    pub fn send(&mut self, kind: &str, data: Value) {
        self.send_text(&json!({"type": kind, "data": data}).to_string());
    }

    /// Sends a text that may be anything.
    pub fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// Sends any frame.
    pub fn send_frame(&mut self, frame: Message) {
        self.socket.send(frame).unwrap();
    }

    /// Subscribes, and waits until the subscription is acknowledged.
    pub fn subscribe(&mut self, mut fields: Value) {
        fields["socketOptions"] = json!({"acknowledge": true});
        self.send("ris_subscribe", fields.clone());
        fields.as_object_mut().unwrap().remove("socketOptions");
        let options = json!({"includeRaw": false, "acknowledge": true});
        let data = json!({"subscription": fields, "socketOptions": options});
        assert_eq!(self.next(), json!({"type": "ris_subscribe_ok", "data": data}));
    }

    /// The next message as text.
    pub fn next_text(&mut self) -> String {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message.
    pub fn next(&mut self) -> Value {
        serde_json::from_str(&self.next_text()).unwrap()
    }

    /// The data of the next message, which is a `ris_message`.
    pub fn next_data(&mut self) -> Value {
        let mut message = self.next();
        assert_eq!(message["type"], "ris_message", "{message}");
        message["data"].take()
    }

    /// The next message, which says what is wrong. Returns the field and the message.
    pub fn next_error(&mut self) -> (Value, String) {
        let message = self.next();
        assert_eq!(message["type"], "ris_error", "{message}");
        let data = &message["data"];
        (
            data["field"].clone(),
            data["message"].as_str().unwrap().to_owned(),
        )
    }

    /// The next messages in short: `+` or `-` with the prefix, or the state of a peer.
    pub fn heard(&mut self, count: usize) -> Vec<String> {
        let next = |_| {
            let data = self.next_data();
            if let Some(prefix) = data["withdrawals"][0].as_str() {
                return format!("-{prefix}");
            }
            match data["announcements"][0]["prefixes"][0].as_str() {
                Some(prefix) => format!("+{prefix}"),
                None => data["state"].as_str().unwrap().to_owned(),
            }
        };
        (0..count).map(next).collect()
    }

    /// Everything that comes until the server closes the connection: the messages, and the code of the close frame.
    pub fn rest(mut self) -> (Vec<Value>, Option<u16>) {
        let mut messages = Vec::new();
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => messages.push(serde_json::from_str(text.as_str()).unwrap()),
                Ok(Message::Close(frame)) => return (messages, frame.map(|frame| frame.code.into())),
                Ok(_) => {}
                Err(_) => return (messages, None),
            }
        }
    }
}

/// A router with peers that are up.
pub fn router(rig: &Rig, number: u8, peers: &[Peer]) -> Router {
    let mut router = rig.connect(number);
    router.send(&initiation("core-1", "test"));
    for peer in peers {
        router.send(&up(peer));
    }
    router
}

/// The Peer Up of a peer.
pub fn up(peer: &Peer) -> Vec<u8> {
    let open = Open::new(peer.asn, peer.bgp_id);
    peer_up(peer, LOCAL.into(), &Open::new(65_000, LOCAL), &open)
}

/// The peer that sends the routes of most tests: 192.0.2.1.
pub fn first_peer() -> Peer {
    peer(1)
}

/// A peer that sends IPv6 routes too: its address is the mapped one of no IPv4 peer.
pub fn peer_v6() -> Peer {
    let address: IpAddr = "2001:db8::1".parse().unwrap();
    Peer::new(address, 64_601, Ipv4Addr::new(192, 0, 2, 61))
}

/// Attributes with an AS path that begins at the peer.
pub fn attributes(peer: &Peer, path: &[u32]) -> Attributes {
    let path: Vec<_> = std::iter::once(peer.asn).chain(path.iter().copied()).collect();
    Attributes::new(&path, LOCAL, "2001:db8::fe".parse().unwrap())
}

/// An announce of these prefixes; the path goes on behind the peer's AS.
pub fn announce(peer: &Peer, texts: &[&str], path: &[u32]) -> Vec<u8> {
    announce_with(peer, texts, attributes(peer, path))
}

/// An announce of these prefixes with these attributes.
pub fn announce_with(peer: &Peer, texts: &[&str], attributes: Attributes) -> Vec<u8> {
    route_monitoring(peer, &Update::announce(prefixes(texts), attributes).to_bytes())
}

/// A withdraw of these prefixes.
pub fn withdraw(peer: &Peer, texts: &[&str]) -> Vec<u8> {
    route_monitoring(peer, &Update::withdraw(prefixes(texts)).to_bytes())
}

fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    let prefix = |text: &&str| {
        let (address, length) = text.split_once('/').unwrap();
        Prefix::new(address.parse().unwrap(), length.parse().unwrap())
    };
    texts.iter().map(prefix).collect()
}
