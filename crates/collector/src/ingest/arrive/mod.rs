//! The one place where a socket turns into a session.
//!
//! A connection on its way is an [`arriving::Arriving`]. It passes one stage after the other, and each stage adds what it has
//! found out:
//!
//! | stage | adds |
//! |---|---|
//! | [`listen`] | the socket, the address it comes from, and what identifies the routers of the listener |
//! | [`admit`] | the permit to be open, by allow-list and limits |
//! | [`relayed`] | for a load balancer's connection, the address of the router: its PROXY protocol header ([`proxy_header`]) names it, and [`admit`] looks at it |
//! | [`sys_name`] | on a listener that identifies routers by their sysName, the first Initiation with it |
//! | [`identify`] | the router it belongs to |
//! | [`claim`] | the worker that owns the router, as [`owners`] say ([`local_owners`] keeps the table) |
//! | [`hand_over`] | nothing: it moves the connection to the owner |
//! | [`first_message`] | the first whole BMP message of a known type; until it comes, the connection is among the [`waiting`] ones |
//! | [`open`] | the session, and with it the receive |
//!
//! [`entrance`] is the sequence. Another way for a router to prove who it is, or another way to connect, is one more stage.
//! [`receive`] receives for connections without a session.

pub mod entrance;
pub mod arriving;
pub mod listen;
pub mod admit;
pub mod relayed;
pub mod proxy_header;
pub mod sys_name;
pub mod identify;
pub mod claim;
pub mod owners;
pub mod local_owners;
pub mod hand_over;
pub mod waiting;
pub mod first_message;
pub mod receive;
pub mod open;
