//! One message of the stream: a batch of records of one kind.

use arancini_client::PayloadForm;
use arancini_schema::MessageKind;
use arancini_schema::decode::Messages;
use arancini_schema::subject::Subject;
use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::event::event;
use crate::problem::{BatchError, DAMAGED, NEWER, Unreadable};
use crate::update::UpdateReader;

/// A payload of Cap'n Proto, decompressed.
enum Payload {
    /// As it came.
    Plain(Py<PyBytes>),
    /// Decompressed, or made of JSON.
    Made(Bytes),
}

/// A batch: one message of the stream, with records of one kind.
///
/// Iterating over it gives a `dict` for each record. `len()` is the size of the decompressed payload in bytes.
#[pyclass(frozen, module = "arancini_client")]
pub struct Batch {
    payload: Payload,
    pub(crate) subject: Subject,
    /// The subject of the message.
    #[pyo3(get, name = "subject")]
    full_subject: String,
    /// Name of the collector that published the batch.
    #[pyo3(get)]
    collector: Option<String>,
    /// Sequence of the message in the stream.
    #[pyo3(get)]
    pub(crate) stream_sequence: u64,
    /// Messages up to this stream sequence may not have been handed out.
    #[pyo3(get)]
    pub(crate) missing_until: u64,
    /// When the stream was created. A stream that was created again counts its messages from 1.
    #[pyo3(get)]
    pub(crate) stream_created: String,
    /// When the server stored the message, in Unix nanoseconds.
    #[pyo3(get)]
    stored_ns: u64,
    /// Called with cause and remedy of each record that cannot be read.
    on_problem: Py<PyAny>,
}

#[pymethods]
impl Batch {
    /// Reads a message of the stream.
    ///
    /// Raises `BatchError` if it is no batch of a collector.
    #[new]
    #[pyo3(signature = (subject, data, on_problem, *, base="arancini", content_type=None, encoding=None, collector=None, stream_sequence=0, missing_until=0, stream_created="", stored_ns=0))]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    fn new(
        py: Python<'_>,
        subject: String,
        data: Py<PyBytes>,
        on_problem: Py<PyAny>,
        base: &str,
        content_type: Option<&str>,
        encoding: Option<&str>,
        collector: Option<String>,
        stream_sequence: u64,
        missing_until: u64,
        stream_created: &str,
        stored_ns: u64,
    ) -> PyResult<Self> {
        let Some(parsed) = Subject::parse(base, &subject) else {
            let cause = "its subject is none of a collector's".to_owned();
            let remedy = format!(
                "publish nothing else under {base}.>; if the collector's publish.subject_base is another, pass it as `base`"
            );
            return Err(BatchError::new_err((cause, remedy)));
        };
        let form = PayloadForm::from_headers(content_type, encoding)
            .map_err(|error| BatchError::new_err((error.to_string(), NEWER)))?;
        let payload = if form.is_plain() {
            Payload::Plain(data)
        } else {
            let bytes = Bytes::copy_from_slice(data.as_bytes(py));
            let read = py.detach(|| form.read(bytes));
            Payload::Made(read.map_err(|error| BatchError::new_err((error.to_string(), DAMAGED)))?)
        };
        Ok(Self {
            payload,
            subject: parsed,
            full_subject: subject,
            collector,
            stream_sequence,
            missing_until,
            stream_created: stream_created.to_owned(),
            stored_ns,
            on_problem,
        })
    }

    /// Kind of the records: "updates", "peers", "routers", "stats" or "malformed".
    #[getter]
    fn kind(&self) -> &'static str {
        match self.kind_of_records() {
            MessageKind::Updates => "updates",
            MessageKind::Peers => "peers",
            MessageKind::Routers => "routers",
            MessageKind::Statistics => "stats",
            MessageKind::Malformed => "malformed",
        }
    }

    /// Address of the router that the batch is about.
    #[getter]
    fn router(&self) -> String {
        self.router_address().to_string()
    }

    /// The decompressed payload: Cap'n Proto messages, one after the other.
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        match &self.payload {
            Payload::Plain(data) => data.clone_ref(py).into_bound(py),
            Payload::Made(data) => PyBytes::new(py, data),
        }
    }

    /// Returns a list with a `dict` for each record.
    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let kind = self.kind_of_records();
        let mut reader = UpdateReader::new(py);
        let records = PyList::empty(py);
        for message in Messages::new(self.bytes(py)) {
            let message = match message {
                Ok(message) => message,
                Err(error) => {
                    self.report(py, &error.to_string(), DAMAGED)?;
                    continue;
                }
            };
            let record = match kind {
                MessageKind::Updates => message
                    .update()
                    .map_err(|error| Unreadable::Record(error.to_string()))
                    .and_then(|update| reader.read(update)),
                _ => event(py, kind, &message),
            };
            match record {
                Ok(record) => records.append(record)?,
                Err(Unreadable::Python(error)) => return Err(error),
                Err(Unreadable::Record(cause)) => {
                    let cause = format!("record at byte {}: {cause}", message.offset());
                    self.report(py, &cause, DAMAGED)?;
                }
            }
        }
        Ok(records)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.records(py)?.try_iter()
    }

    fn __repr__(&self) -> String {
        format!("<Batch {} of {}>", self.stream_sequence, self.full_subject)
    }
}

impl Batch {
    pub(crate) fn kind_of_records(&self) -> MessageKind {
        self.subject.message_kind()
    }

    pub(crate) fn router_address(&self) -> std::net::IpAddr {
        self.subject.router()
    }

    pub(crate) fn bytes<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match &self.payload {
            Payload::Plain(data) => data.as_bytes(py),
            Payload::Made(data) => data,
        }
    }

    /// Tells the owner of the batch about a problem.
    pub(crate) fn report(&self, py: Python<'_>, cause: &str, remedy: &str) -> PyResult<()> {
        let place = (cause, remedy, &self.full_subject, self.stream_sequence);
        self.on_problem.call1(py, place)?;
        Ok(())
    }
}
