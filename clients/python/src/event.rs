//! Events as Python objects: the JSON of the schema, with 64-bit numbers as `int`.

use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use arancini_schema::json::write_message;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList};

use crate::problem::Unreadable;

/// 64-bit numbers, which JSON has as text.
const NUMBERS: [&str; 3] = ["sequence", "timeReceivedNs", "timeBmpHeaderNs"];

/// Makes a `dict` of an event.
pub(crate) fn event<'py>(
    py: Python<'py>,
    kind: MessageKind,
    message: &Message<'_>,
) -> Result<Bound<'py, PyDict>, Unreadable> {
    let mut line = Vec::new();
    write_message(kind, message, &mut line)?;
    let json = py.import(intern!(py, "json"))?;
    let event = json.call_method1(intern!(py, "loads"), (line,))?;
    let event = event.cast_into::<PyDict>().map_err(PyErr::from)?;
    for name in NUMBERS {
        number(&event, name)?;
    }
    if let Some(counters) = event.get_item("counters")? {
        for counter in counters.cast::<PyList>().map_err(PyErr::from)?.iter() {
            number(counter.cast::<PyDict>().map_err(PyErr::from)?, "value")?;
        }
    }
    Ok(event)
}

/// Makes a number of a member whose value is decimal digits.
fn number(object: &Bound<'_, PyDict>, name: &str) -> PyResult<()> {
    let Some(text) = object.get_item(name)? else {
        return Ok(());
    };
    let number = object.py().get_type::<PyInt>().call1((text,))?;
    object.set_item(name, number)
}
