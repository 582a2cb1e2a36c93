//! Making sure that the stream exists and fits, and the commands `arancini stream create`, `check` and `show`.

use arancini_client::connect::connect;
use arancini_client::streams::{existing_stream, explain_api, find_stream, missing_stream};
use arancini_client::{Reason, Trouble};
use async_nats::jetstream;
use async_nats::jetstream::context::CreateStreamError;
use async_nats::jetstream::stream::{Info, Stream};
use tracing::info;

use super::configuration::wanted;
use super::deviations::{Deviation, Severity, deviations};
use super::report::StreamReport;
use crate::settings::{NatsSettings, StreamSettings};

/// Creates the stream, or reports on it if it exists already (`arancini stream create`).
///
/// # Errors
/// The server cannot be reached, or refuses the stream.
pub async fn create(settings: &NatsSettings) -> Result<StreamReport, Trouble> {
    let connection = connect(&settings.server, "arancini stream").await?;
    let context = jetstream::new(connection.client);
    if let Some(stream) = find_stream(&context, &settings.stream.name).await? {
        return Ok(StreamReport::of(stream.cached_info()));
    }
    let stream = make(&context, &settings.stream).await?;
    Ok(StreamReport::of(stream.cached_info()))
}

/// Lists the settings of the stream that deviate (`arancini stream check`). The list is empty if all fit.
///
/// # Errors
/// The server cannot be reached, or the stream does not exist.
pub async fn check(settings: &NatsSettings) -> Result<Vec<Deviation>, Trouble> {
    let info = existing(settings).await?;
    Ok(deviations(&settings.stream, &info.config))
}

/// Reports on the stream (`arancini stream show`).
///
/// # Errors
/// The server cannot be reached, or the stream does not exist.
pub async fn show(settings: &NatsSettings) -> Result<StreamReport, Trouble> {
    Ok(StreamReport::of(&existing(settings).await?))
}

async fn existing(settings: &NatsSettings) -> Result<Info, Trouble> {
    let connection = connect(&settings.server, "arancini stream").await?;
    let context = jetstream::new(connection.client);
    let stream = existing_stream(&context, &settings.stream.name).await?;
    Ok(stream.cached_info().clone())
}

/// A stream to publish to, and the deviations that weaken a promise.
pub(crate) struct Ensured {
    pub(crate) stream: Stream,
    pub(crate) warnings: Vec<Trouble>,
}

/// Returns the stream; creates it if it is missing and the settings allow that. A deviation that is refused is an error.
pub(crate) async fn ensure(
    context: &jetstream::Context,
    settings: &NatsSettings,
) -> Result<Ensured, Trouble> {
    let stream = match find_stream(context, &settings.stream.name).await? {
        Some(stream) => stream,
        None if settings.create_stream => make(context, &settings.stream).await?,
        None => return Err(missing_stream(&settings.stream.name)),
    };
    let wrong = deviations(&settings.stream, &stream.cached_info().config);
    let mut warnings = Vec::new();
    for deviation in wrong {
        let severity = deviation.severity;
        let trouble = explain_deviation(&settings.stream, deviation);
        match severity {
            Severity::Refused => return Err(trouble),
            Severity::Warned => warnings.push(trouble),
            Severity::Listed => {}
        }
    }
    Ok(Ensured { stream, warnings })
}

fn explain_deviation(settings: &StreamSettings, deviation: Deviation) -> Trouble {
    let Deviation {
        setting,
        found,
        wanted,
        reason,
        remedy,
        severity: _,
    } = deviation;
    Trouble::new(
        Reason::StreamMismatch,
        format!(
            "stream {} has {setting} = {found}, but should have {wanted}: {reason}",
            settings.name
        ),
        remedy,
    )
}

async fn make(context: &jetstream::Context, settings: &StreamSettings) -> Result<Stream, Trouble> {
    let stream = context
        .create_stream(wanted(settings))
        .await
        .map_err(|error| explain_create(settings, &error))?;
    info!(
        stream = settings.name,
        subjects = settings.subjects(),
        "stream created"
    );
    let name = &stream.cached_info().config.name;
    find_stream(context, name)
        .await?
        .ok_or_else(|| missing_stream(name))
}

fn explain_create(settings: &StreamSettings, error: &CreateStreamError) -> Trouble {
    let text = error.to_string();
    if text.contains("overlap") {
        return Trouble::new(
            Reason::StreamMismatch,
            format!("another stream has the subjects {} already", settings.subjects()),
            "set nats.stream to its name, or choose another publish.subject_base",
        );
    }
    explain_api(&settings.name, "STREAM.CREATE", &text)
}
