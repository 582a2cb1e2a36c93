//! One connection to NATS, used until it breaks and never again.
//!
//! async-nats would reconnect by itself and then send what is still queued in it. A publisher must decide first which
//! message comes next, or messages would be reordered. So each client authenticates only once: its own attempts to
//! reconnect fail before a byte of the queue goes out, and its task ends. Readers reconnect the same way, with a new
//! client that goes on behind the last message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_nats::{AuthError, Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::mpsc;

use super::credentials::{Credentials, check_readable};
use super::failure::{explain, masked};
use crate::settings::ServerSettings;
use crate::trouble::{Reason, Trouble};

/// A live connection and the events it reports.
pub struct Connection {
    /// The client.
    pub client: Client,
    /// Disconnects, and errors that the server reports.
    pub events: mpsc::UnboundedReceiver<Event>,
}

/// Connects to the first server that accepts the client. The server's monitoring shows `name`.
///
/// # Errors
/// No server accepts the client: the trouble of the last one that was tried.
pub async fn connect(settings: &ServerSettings, name: &str) -> Result<Connection, Trouble> {
    let mut last = None;
    for url in &settings.urls {
        match connect_to(settings, url, name).await {
            Ok(connection) => return Ok(connection),
            Err(trouble) => last = Some(trouble),
        }
    }
    Err(last.unwrap_or_else(|| {
        Trouble::new(
            Reason::Unreachable,
            "no NATS server is configured",
            "set nats.urls",
        )
    }))
}

async fn connect_to(settings: &ServerSettings, url: &str, name: &str) -> Result<Connection, Trouble> {
    let address: ServerAddr = url.parse().map_err(|_| {
        let cause = format!("{} is no server URL", masked(url));
        Trouble::new(Reason::Unreachable, cause, "write nats://HOST:PORT")
    })?;
    let credentials = Arc::new(Credentials::load(&settings.authentication, &address)?);
    let used = Arc::new(AtomicBool::new(false));
    let (report, events) = mpsc::unbounded_channel();
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let answer = if used.swap(true, Relaxed) {
            Err(AuthError::new("this client connects only once"))
        } else {
            credentials.answer(&nonce)
        };
        std::future::ready(answer)
    })
    .event_callback(move |event| {
        let _ = report.send(event);
        std::future::ready(())
    })
    .name(name)
    .custom_inbox_prefix(&settings.inbox_prefix)
    .connection_timeout(settings.connect_timeout)
    .request_timeout(Some(settings.connect_timeout))
    .ignore_discovered_servers()
    .max_reconnects(1)
    // The collector builds its subjects itself; checking them again at each publish would walk every byte.
    .skip_subject_validation(true)
    .require_tls(settings.tls.required);
    if settings.tls.first {
        options = options.tls_first();
    }
    if let Some(ca) = &settings.tls.ca_file {
        check_readable(ca, "the CA file")?;
        options = options.add_root_certificates(ca.clone()).require_tls(true);
    }
    if let Some(client) = &settings.tls.client_certificate {
        check_readable(&client.certificate, "the client certificate")?;
        check_readable(&client.key, "the key of the client certificate")?;
        options = options
            .add_client_certificate(client.certificate.clone(), client.key.clone())
            .require_tls(true);
    }
    let client = options
        .connect(address)
        .await
        .map_err(|error| explain(settings, url, &error))?;
    Ok(Connection { client, events })
}
