//! Answers from a snapshot, for Python: a whole JSON-RPC request in, the whole response out.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use query::origin::Remote;
use query::{Context, Request, Settings};
use serde_json::{Map, Value};

use crate::errors::{NativeError, hash, storage};
use crate::pending::Pending;
use crate::rollup::{AssembledBatch, ProgramRefused, decode_batch, refused};
use query::calls::witness::run_with_witness;

/// Opens a snapshot a call. Works beside the writer, in its process or another.
#[pyclass(frozen, module = "ethrex_node._native")]
pub struct Reader {
    database: state::Database,
    spec: Arc<stf::ChainSpec>,
    settings: Arc<Settings>,
    origin: Option<Arc<Remote>>,
}

#[pymethods]
impl Reader {
    /// Open a data folder read-only. It must hold a chain. `settings`: JSON, see `read_settings`.
    #[new]
    #[pyo3(signature = (path, settings = None))]
    fn new(py: Python<'_>, path: PathBuf, settings: Option<&[u8]>) -> PyResult<Self> {
        py.detach(|| {
            let options = state::Options { read_only: true, ..Default::default() };
            let database = state::Database::open(&path, &options).map_err(storage)?;
            let snapshot = database.snapshot().map_err(storage)?;
            let spec = serde_json::from_slice(snapshot.spec_json().map_err(storage)?.unwrap_or_default())
                .map_err(|error| NativeError::new_err(format!("stored chain configuration: {error}")))?;
            drop(snapshot);
            Self::over(database, Arc::new(spec), settings, None)
        })
    }

    /// Answer one request object: (method index, or -1 - index for an error, response). None: Python shall look at it.
    /// `pending` is what the tag of that name means; None as well where its parent is no longer the head.
    #[pyo3(signature = (request, allow = None, pending = None))]
    fn answer<'py>(
        &self,
        py: Python<'py>,
        request: &[u8],
        allow: Option<&[u8]>,
        pending: Option<&Pending>,
    ) -> PyResult<Option<(isize, Bound<'py, PyBytes>)>> {
        let pending = pending.map(|pending| pending.0.clone());
        let answer = py.detach(|| -> Result<_, state::StateError> {
            let Some(parsed) = Request::parse(request) else { return Ok(None) };
            if allow.is_some_and(|allow| allow.get(parsed.index).is_none_or(|allowed| *allowed == 0)) {
                return Ok(None);
            }
            let snapshot = self.database.snapshot()?;
            let mut context = Context::new(snapshot, self.spec.clone(), self.settings.clone());
            context.origin = self.origin.clone();
            if let Some(pending) = pending {
                if context.snapshot.head()?.is_none_or(|head| head.hash != pending.parent) {
                    return Ok(None);
                }
                context.pending = Some(pending);
            }
            Ok(parsed.answer(&context))
        });
        Ok(answer.map_err(storage)?.map(|answer| {
            let index = answer.index as isize;
            (if answer.failed { -1 - index } else { index }, PyBytes::new(py, &answer.body))
        }))
    }

    /// The batch of a rollup's canonical blocks `first` to `last`, on `previous` (abi.encode of a batch). With a `pointer`
    /// it is a validium's. Raises ProgramRefused where they make none; ValueError.
    #[pyo3(signature = (first, last, previous, program_version, pointer=None))]
    fn batch(
        &self,
        py: Python<'_>,
        first: u64,
        last: u64,
        previous: &[u8],
        program_version: u32,
        pointer: Option<&[u8]>,
    ) -> PyResult<AssembledBatch> {
        let previous = decode_batch(previous)?;
        let pointer = pointer.map(|bytes| hash(bytes, "pointer")).transpose()?;
        let assembled = py.detach(|| {
            let snapshot = self.database.snapshot().map_err(storage)?;
            let context = Context::new(snapshot, self.spec.clone(), self.settings.clone());
            let (blocks, witness) =
                run_with_witness(&context, first, last).map_err(|error| ProgramRefused::new_err(error.message))?;
            ::rollup::assemble::assemble(&self.spec, previous, program_version, &blocks, witness, pointer)
                .map_err(refused)
        })?;
        Ok(AssembledBatch::new(py, assembled))
    }
}

impl Reader {
    /// Over a database that is open already.
    pub fn over(
        database: state::Database,
        spec: Arc<stf::ChainSpec>,
        settings: Option<&[u8]>,
        origin: Option<Arc<Remote>>,
    ) -> PyResult<Self> {
        let settings = Arc::new(read_settings(spec.chain_id, settings)?);
        Ok(Self { database, spec, settings, origin })
    }
}

/// The members of [`Settings`] that are given, as a JSON object. Without them: the pool is Python's, the network is the
/// chain's.
fn read_settings(chain_id: u64, json: Option<&[u8]>) -> PyResult<Settings> {
    let refused = |error: serde_json::Error| PyValueError::new_err(format!("settings of the reader: {error}"));
    let mut members: Map<String, Value> =
        json.map_or_else(|| Ok(Map::new()), serde_json::from_slice).map_err(refused)?;
    members.entry("network_id").or_insert_with(|| chain_id.into());
    members.entry("elsewhere").or_insert_with(|| "pool".into());
    serde_json::from_value(Value::Object(members)).map_err(refused)
}

/// Methods that `Reader.answer` knows, in the order of their indexes: (name, weight).
#[pyfunction]
pub fn snapshot_methods() -> Vec<(&'static str, u8)> {
    query::METHODS.iter().map(|method| (method.name, method.weight as u8)).collect()
}

/// For the reference page, in the same order: (name, parameters (`?` behind those that may be left out), what it gives).
#[pyfunction]
pub fn snapshot_method_pages() -> Vec<(&'static str, Vec<&'static str>, &'static str)> {
    query::METHODS.iter().map(|method| (method.name, method.parameters.to_vec(), method.doc)).collect()
}
