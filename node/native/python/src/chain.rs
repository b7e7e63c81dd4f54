//! The writer of a data folder, for Python: bytes in, summaries out, the GIL released for the whole call.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes};
use chain::ChainError;
use chain::build::{Attributes, Seal};
use chain::genesis::Genesis;
use chain::intake::PoolTransaction;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::database::Database;
use crate::errors::{hash, storage, to_python};
use crate::origin::Sender;
use crate::patch::Patch;
use crate::pending::{Overlay, Pending};
use crate::reader::Reader;
use crate::rebuild::{Named, Step, beginning};
use crate::rollup;
use crate::transaction::Transaction;
use query::origin::{Remote, read_block};
use stf::rollup::L1Prices;

/// One a data folder. Calls from several threads wait for each other.
#[pyclass(frozen, module = "ethrex_node._native")]
pub struct Chain {
    inner: Mutex<chain::Chain>,
    published: chain::Published,
    database: state::Database,
    spec: Arc<stf::ChainSpec>,
    origin: Option<Arc<Remote>>,
}

/// The committed head.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct Head {
    pub number: u64,
    pub hash: Py<PyBytes>,
    pub parent_hash: Py<PyBytes>,
    pub timestamp: u64,
    pub gas_limit: u64,
    pub gas_used: u64,
    pub total_difficulty: u128,
}

/// What the next block on the head would be like, if it came at a certain time.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct NextBlock {
    pub number: u64,
    pub fork: &'static str,
    pub gas_limit: u64,
    pub base_fee_per_gas: u64,
    pub blob_base_fee: u128,
    pub max_blobs: u64,
}

/// A block that is held.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct BlockFacts {
    pub number: u64,
    pub timestamp: u64,
    pub parent_hash: Py<PyBytes>,
    pub total_difficulty: u128,
    pub canonical: bool,
}

/// What a new head meant: hashes that left, blocks that came, oldest first.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct HeadChange {
    pub reverted: Hashes,
    pub applied: Vec<Py<BlockWork>>,
    /// All of them are one commit.
    pub commit_seconds: f64,
}

impl HeadChange {
    fn of(py: Python<'_>, change: &chain::HeadChange) -> PyResult<Self> {
        Ok(Self {
            reverted: hashes(py, &change.reverted),
            applied: change.applied.iter().map(|work| Py::new(py, BlockWork::of(py, work))).collect::<PyResult<_>>()?,
            commit_seconds: change.commit.as_secs_f64(),
        })
    }
}

/// A block that became canonical, and how long its stages took.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct BlockWork {
    pub hash: Py<PyBytes>,
    pub number: u64,
    pub transactions: usize,
    pub gas_used: u64,
    pub recover_seconds: f64,
    pub execute_seconds: f64,
    pub root_seconds: f64,
}

impl BlockWork {
    fn of(py: Python<'_>, work: &chain::BlockWork) -> Self {
        Self {
            hash: py_bytes(py, &work.hash.0),
            number: work.number,
            transactions: work.transactions,
            gas_used: work.gas_used,
            recover_seconds: work.stages.recover.as_secs_f64(),
            execute_seconds: work.stages.execute.as_secs_f64(),
            root_seconds: work.stages.root.as_secs_f64(),
        }
    }
}

/// What became of an import.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct ImportReport {
    pub blocks: u64,
    pub transactions: u64,
    pub gas: u64,
    pub known: u64,
    pub consumed: usize,
    /// Summed over the blocks; the commit is that of the chunk before.
    pub recover_seconds: f64,
    pub execute_seconds: f64,
    pub root_seconds: f64,
    pub commit_seconds: f64,
    /// Why it ended before the chunk did: (kind, message).
    pub stopped: Option<(String, String)>,
}

/// A built block. It is a candidate of the chain already.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct Built {
    pub number: u64,
    pub hash: Py<PyBytes>,
    pub block: Py<PyBytes>,
    pub transactions: usize,
    pub gas_used: u64,
    pub fees: u128,
    pub requests: Option<Vec<Py<PyBytes>>>,
    /// The pool's transactions in the block, in order.
    pub included: Vec<Py<Transaction>>,
    /// Hashes of candidates that no later block can take either.
    pub impossible: Vec<Py<PyBytes>>,
    /// Items of the L1 queue that the block took, of a rollup.
    pub privileged: usize,
    /// Bytes of a batch's payload that the block takes at most, on a rollup.
    pub data_bytes: u64,
    /// Where the block was not kept as a candidate: what requests with the tag `pending` see.
    pub pending: Option<Py<Pending>>,
}

#[pymethods]
impl Chain {
    /// Open the folder, or begin a chain in it. `genesis` is a genesis file that `config.genesis` has checked.
    #[new]
    /// `remember_slots`: a dev chain, which can dump its state. `start`: the block that the chain begins with instead, or
    /// goes through: RLP of its header, and a genesis document whose `alloc` is the state after it.
    #[pyo3(signature = (path, genesis, *, durable = true, map_size = None, remember_slots = false, start = None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        genesis: &[u8],
        durable: bool,
        map_size: Option<usize>,
        remember_slots: bool,
        start: Option<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<Self> {
        let inner = py.detach(|| -> Result<_, PyErr> {
            let mut options = state::Options { durable, ..Default::default() };
            options.map_size = map_size.unwrap_or(options.map_size);
            let database = state::Database::open(&path, &options).map_err(storage)?;
            let genesis = Genesis::from_json(genesis).map_err(to_python)?;
            let mut chain = match start {
                None => chain::Chain::open(database, &genesis),
                Some((header, state)) => chain::Chain::begin(database, &genesis, &beginning(&header, &state)?),
            }
            .map_err(to_python)?;
            if remember_slots {
                chain.remember_slots(&genesis).map_err(to_python)?;
            }
            Ok(chain)
        })?;
        Ok(Self::over(inner, None))
    }

    /// Begin a chain in an empty folder that forks another one after a block of it. `genesis` has the rules; `block` and
    /// `receipts` are the results of eth_getBlockByNumber (whole transactions) and eth_getBlockReceipts (or null) there;
    /// `send` takes the body of a JSON-RPC request to that chain's node and gives the answer's, from any thread.
    /// Raises ValueError where the block is not Ethereum's.
    #[staticmethod]
    fn fork(
        py: Python<'_>,
        path: PathBuf,
        genesis: &[u8],
        block: &[u8],
        receipts: &[u8],
        send: Py<PyAny>,
    ) -> PyResult<Self> {
        py.detach(|| {
            let options = state::Options { durable: false, ..Default::default() };
            let database = state::Database::open(&path, &options).map_err(storage)?;
            let genesis = Genesis::from_json(genesis).map_err(to_python)?;
            let first = read_block(block, receipts).map_err(PyValueError::new_err)?;
            let remote = Arc::new(Remote::new(Box::new(Sender(send)), first.block.header.number));
            let mut chain = chain::Chain::fork(database, &genesis, &first, remote.clone()).map_err(to_python)?;
            chain.remember_slots(&genesis).map_err(to_python)?;
            Ok(Self::over(chain, Some(remote)))
        })
    }

    /// Does not wait for the writer: while an import commits behind, the head is that of the commit before.
    fn head(&self, py: Python<'_>) -> Head {
        let tip = self.published.tip();
        Head {
            number: tip.header.number,
            hash: py_bytes(py, &tip.hash.0),
            parent_hash: py_bytes(py, &tip.header.parent_hash.0),
            timestamp: tip.header.timestamp,
            gas_limit: tip.header.gas_limit,
            gas_used: tip.header.gas_used,
            total_difficulty: u128::try_from(tip.total_difficulty).unwrap_or(u128::MAX),
        }
    }

    /// Execute a block on its parent; it is a candidate then. Gives its hash.
    /// Raises BlockInvalid, UnknownParent, StorageError.
    fn execute(&self, py: Python<'_>, block: &[u8]) -> PyResult<Py<PyBytes>> {
        let header = py.detach(|| self.settled()?.execute(block).map_err(to_python))?;
        Ok(py_bytes(py, &header.hash_slow().0))
    }

    /// Make a candidate (or an older block) the head.
    fn set_head(&self, py: Python<'_>, head: &[u8], safe: &[u8], finalized: &[u8]) -> PyResult<HeadChange> {
        let (head, safe, finalized) = (hash(head, "head")?, hash(safe, "safe")?, hash(finalized, "finalized")?);
        let change = py.detach(|| self.settled()?.set_head(head, safe, finalized).map_err(to_python))?;
        HeadChange::of(py, &change)
    }

    /// Go on from the end of the batch `previous` to that of `statement` (encodings), by what it published: blobs with their
    /// versioned hashes, or of a validium pointer and payload. Of its blocks nothing is known then but the last header and
    /// the state. Raises ProgramRefused where it is not what L1 was told, or does not follow the head; ValueError.
    #[pyo3(signature = (previous, statement, *, blobs = None, kept = None))]
    fn take_batch(
        &self,
        py: Python<'_>,
        previous: &[u8],
        statement: &[u8],
        blobs: Option<Named>,
        kept: Option<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<HeadChange> {
        let step = Step::read(previous, statement, blobs, kept)?;
        let change = py.detach(|| step.take(&mut *self.settled()?))?;
        HeadChange::of(py, &change)
    }

    /// Append blocks (concatenated RLP) to the head. The last blocks of a chunk are committed behind the next call;
    /// any other call waits for that.
    fn import_blocks(&self, py: Python<'_>, chunk: &[u8]) -> PyResult<ImportReport> {
        let report = py.detach(|| self.lock().import(chunk).map_err(to_python))?;
        Ok(ImportReport {
            blocks: report.blocks,
            transactions: report.transactions,
            gas: report.gas,
            known: report.known,
            consumed: report.consumed,
            recover_seconds: report.stages.recover.as_secs_f64(),
            execute_seconds: report.stages.execute.as_secs_f64(),
            root_seconds: report.stages.root.as_secs_f64(),
            commit_seconds: report.commit.as_secs_f64(),
            stopped: report.stopped.map(|error| {
                let kind = chain::refusal(&error).map_or("Chain", |reason| reason.kind());
                (kind.to_owned(), error.to_string())
            }),
        })
    }

    /// Build a block on `parent` from candidates in the order in which they should be tried. It is a candidate of the
    /// chain then, unless `keep` is false.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (parent, candidates, *, timestamp, fee_recipient, prev_randao, withdrawals, parent_beacon_root,
                        gas_limit, exact_gas_limit = false, extra_data = Vec::new(), max_blobs = None, base_fee = None,
                        keep = true))]
    fn build(
        &self,
        py: Python<'_>,
        parent: &[u8],
        candidates: Vec<Py<Transaction>>,
        timestamp: u64,
        fee_recipient: &[u8],
        prev_randao: &[u8],
        withdrawals: Option<Vec<WithdrawalParts>>,
        parent_beacon_root: Option<&[u8]>,
        gas_limit: u64,
        exact_gas_limit: bool,
        extra_data: Vec<u8>,
        max_blobs: Option<u64>,
        base_fee: Option<u64>,
        keep: bool,
    ) -> PyResult<Built> {
        let parent = hash(parent, "parent")?;
        let attributes = Attributes {
            timestamp,
            fee_recipient: address(fee_recipient, "fee_recipient")?,
            prev_randao: hash(prev_randao, "prev_randao")?,
            withdrawals: withdrawals.map(|list| list.into_iter().map(withdrawal).collect()).transpose()?,
            parent_beacon_root: parent_beacon_root.map(|root| hash(root, "parent_beacon_root")).transpose()?,
            gas_limit,
            exact_gas_limit,
            base_fee,
            extra_data: Bytes::from(extra_data),
            max_blobs,
        };
        self.build_with(py, &candidates, |chain, pooled| {
            if keep {
                return Ok((None, chain.build(parent, &attributes, pooled)?));
            }
            let (layer, built) = chain.assemble(parent, &attributes, pooled)?;
            Ok((Some(Overlay::new(layer)), built))
        })
    }

    /// Build a rollup's block on `parent`: items of the L1 queue (type 0x7e, the next one first) as far as there is gas,
    /// then candidates as far as the block's data does not exceed `max_data_bytes`. `l1_prices`: wei per gas and per
    /// blob gas. Unless it is kept as a candidate it is what requests with the tag `pending` see.
    #[pyo3(signature = (parent, candidates, *, timestamp, l1_prices, privileged, max_data_bytes, keep = true))]
    #[allow(clippy::too_many_arguments)]
    fn seal(
        &self,
        py: Python<'_>,
        parent: &[u8],
        candidates: Vec<Py<Transaction>>,
        timestamp: u64,
        l1_prices: (u64, u64),
        privileged: Vec<Vec<u8>>,
        max_data_bytes: u64,
        keep: bool,
    ) -> PyResult<Built> {
        let parent = hash(parent, "parent")?;
        let (base_fee, blob_base_fee) = l1_prices;
        let seal = Seal {
            timestamp,
            prices: L1Prices { base_fee, blob_base_fee },
            privileged: privileged.iter().map(|raw| rollup::privileged(raw)).collect::<PyResult<_>>()?,
            max_data_bytes,
        };
        self.build_with(py, &candidates, |chain, pooled| {
            if keep {
                return Ok((None, chain.seal(parent, &seal, pooled)?));
            }
            let (layer, built) = chain.assemble_sealed(parent, &seal, pooled)?;
            Ok((Some(Overlay::new(layer)), built))
        })
    }

    /// The rules and fees of the next block on the head, at `timestamp`.
    fn next_block(&self, timestamp: u64) -> NextBlock {
        let tip = self.published.tip();
        let spec = &self.spec;
        let number = tip.header.number + 1;
        let fork = spec.fork(number, timestamp, spec.terminal_total_difficulty.is_some());
        let blobs = spec.blob_params(timestamp).filter(|_| fork >= stf::Fork::Cancun);
        let excess = stf::header::excess_blob_gas(spec, fork, timestamp, &tip.header);
        NextBlock {
            number,
            fork: fork.name(),
            gas_limit: tip.header.gas_limit,
            base_fee_per_gas: stf::header::base_fee(fork, &tip.header).unwrap_or_default(),
            blob_base_fee: excess.zip(blobs).map_or(0, |(excess, blobs)| blob_price(excess, blobs)),
            max_blobs: blobs.map_or(0, |blobs| blobs.max),
        }
    }

    /// Accounts at the head: (nonce, balance in wei, has code, code is an EIP-7702 delegation).
    fn accounts(&self, py: Python<'_>, addresses: Vec<Vec<u8>>) -> PyResult<Vec<(u64, u128, bool, bool)>> {
        let addresses = addresses.iter().map(|bytes| address(bytes, "address")).collect::<PyResult<Vec<_>>>()?;
        py.detach(|| {
            let snapshot = self.database.snapshot().map_err(storage)?;
            addresses.iter().map(|address| account_facts(&snapshot, address).map_err(storage)).collect()
        })
    }

    /// Hash of the canonical block at a number.
    fn canonical_hash(&self, py: Python<'_>, number: u64) -> PyResult<Option<Py<PyBytes>>> {
        let found = self.database.snapshot().and_then(|snapshot| snapshot.canonical_hash(number)).map_err(storage)?;
        Ok(found.map(|hash| py_bytes(py, &hash.0)))
    }

    /// What is known of a block that is held: candidate, canonical or unwound.
    fn block_facts(&self, py: Python<'_>, block: &[u8]) -> PyResult<Option<BlockFacts>> {
        let block = hash(block, "block")?;
        let found = py.detach(|| -> PyResult<_> {
            let chain = self.settled()?;
            let Some((header, difficulty)) = chain.header(&block).map_err(to_python)? else { return Ok(None) };
            Ok(Some((header, difficulty, chain.is_canonical(&block).map_err(to_python)?)))
        })?;
        Ok(found.map(|(header, difficulty, canonical)| BlockFacts {
            number: header.number,
            timestamp: header.timestamp,
            parent_hash: py_bytes(py, &header.parent_hash.0),
            total_difficulty: u128::try_from(difficulty).unwrap_or(u128::MAX),
            canonical,
        }))
    }

    /// The RLP of a block that is held.
    fn block(&self, py: Python<'_>, block: &[u8]) -> PyResult<Option<Py<PyBytes>>> {
        let block = hash(block, "block")?;
        let found = py.detach(|| self.settled()?.block(&block).map_err(to_python))?;
        Ok(found.map(|block| py_bytes(py, &alloy_rlp::encode(&block))))
    }

    /// RLP of the body of a block that is held: transactions, ommers, withdrawals.
    fn body(&self, py: Python<'_>, block: &[u8]) -> PyResult<Option<Py<PyBytes>>> {
        let block = hash(block, "block")?;
        let found = py.detach(|| self.settled()?.body(&block).map_err(to_python))?;
        Ok(found.map(|body| py_bytes(py, &body)))
    }

    /// Hashes of the transactions of a stored block, as they are kept beside it; empty where it is not stored. Does
    /// not wait for the writer.
    fn transaction_hashes(&self, py: Python<'_>, block: &[u8]) -> PyResult<Hashes> {
        let block = hash(block, "block")?;
        let found = py.detach(|| -> Result<_, state::StateError> {
            let snapshot = self.database.snapshot()?;
            let Some(number) = snapshot.number_of(&block)? else { return Ok(None) };
            snapshot.transaction_hashes(number, &block)
        });
        Ok(hashes(py, &found.map_err(storage)?.unwrap_or_default()))
    }

    /// The transactions of a block as the pool holds them, blob transactions left out (their blobs are gone).
    fn pooled_transactions(&self, py: Python<'_>, block: &[u8]) -> PyResult<Vec<Transaction>> {
        let block = hash(block, "block")?;
        let found = py.detach(|| self.settled()?.pooled_transactions(&block).map_err(to_python))?;
        Ok(found.into_iter().map(Transaction).collect())
    }

    /// Write into the state at the head without a block. Gives the patch that takes it back; marks the chain.
    fn patch(&self, py: Python<'_>, patch: &Patch) -> PyResult<Patch> {
        py.detach(|| self.settled()?.patch(&patch.0).map(Patch).map_err(to_python))
    }

    /// All accounts at the head as JSON: address -> nonce, balance, code, storage. Only of a chain that remembers slots.
    fn dump_accounts(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let json = py.detach(|| {
            let accounts = self.settled()?.dump().map_err(to_python)?;
            serde_json::to_vec(&accounts).map_err(|error| PyValueError::new_err(error.to_string()))
        })?;
        Ok(py_bytes(py, &json))
    }

    /// Say that the blocks of this chain are not to be trusted elsewhere.
    fn mark(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.settled()?.mark().map_err(to_python))
    }

    /// Whether the state was written past the blocks, or a block holds a transaction that nobody signed.
    fn is_marked(&self) -> PyResult<bool> {
        self.database.snapshot().and_then(|snapshot| snapshot.is_marked()).map_err(storage)
    }

    /// The database of this chain, for those who look after it.
    fn database(&self) -> Database {
        Database::over(self.database.clone())
    }

    /// Answers from this process, over the same database. `settings`: as the reader's.
    #[pyo3(signature = (settings = None))]
    fn reader(&self, settings: Option<&[u8]>) -> PyResult<Reader> {
        Reader::over(self.database.clone(), self.spec.clone(), settings, self.origin.clone())
    }

    /// Wait for what is still being written and make it durable.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| {
            drop(self.settled()?);
            self.database.sync().map_err(storage)
        })
    }
}

impl Chain {
    fn over(inner: chain::Chain, origin: Option<Arc<Remote>>) -> Self {
        let (published, database, spec) = (inner.published.clone(), inner.database.clone(), inner.spec.clone());
        Self { inner: Mutex::new(inner), published, database, spec, origin }
    }

    fn build_with(
        &self,
        py: Python<'_>,
        candidates: &[Py<Transaction>],
        build: impl FnOnce(&mut chain::Chain, &[Arc<PoolTransaction>]) -> Result<Made, ChainError> + Send,
    ) -> PyResult<Built> {
        let pooled: Vec<_> = candidates.iter().map(|transaction| transaction.get().0.clone()).collect();
        let (overlay, built) = py.detach(|| build(&mut *self.settled()?, &pooled).map_err(to_python))?;
        let by_hash: std::collections::HashMap<B256, &Py<Transaction>> =
            candidates.iter().map(|transaction| (transaction.get().0.hash, transaction)).collect();
        Ok(Built {
            number: built.header.number,
            hash: py_bytes(py, &built.hash.0),
            block: py_bytes(py, &built.rlp),
            transactions: built.privileged + built.included.len(),
            gas_used: built.header.gas_used,
            fees: u128::try_from(built.fees).unwrap_or(u128::MAX),
            requests: built.requests.map(|list| list.iter().map(|request| py_bytes(py, request)).collect()),
            included: built.included.iter().map(|pooled| by_hash[&pooled.hash].clone_ref(py)).collect(),
            impossible: hashes(py, &built.impossible),
            privileged: built.privileged,
            data_bytes: built.data_bytes,
            pending: overlay.map(|overlay| Py::new(py, Pending(Arc::new(overlay)))).transpose()?,
        })
    }
}

/// What building gives; the overlay where the block is not kept as a candidate.
type Made = (Option<Overlay>, chain::build::Built);

/// Nobody waits for the writer's lock with the GIL in hand: the writer takes the GIL under its lock to make an
/// exception, and the two would wait for each other. Callers detach first.
impl Chain {
    fn lock(&self) -> MutexGuard<'_, chain::Chain> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer, with nothing running behind.
    fn settled(&self) -> PyResult<MutexGuard<'_, chain::Chain>> {
        let mut chain = self.lock();
        chain.settle().map_err(to_python)?;
        Ok(chain)
    }
}

fn blob_price(excess: u64, blobs: stf::BlobParams) -> u128 {
    alloy_eips::eip4844::fake_exponential(1, u128::from(excess), u128::from(blobs.base_fee_update_fraction))
}

/// Index, validator, recipient, amount in gwei.
type WithdrawalParts = (u64, u64, Vec<u8>, u64);

type Hashes = Vec<Py<PyBytes>>;

fn account_facts(snapshot: &state::Snapshot, address: &Address) -> Result<(u64, u128, bool, bool), state::StateError> {
    let Some(account) = snapshot.account_of((address, &alloy_primitives::keccak256(address)), None)? else {
        return Ok((0, 0, false, false));
    };
    let balance = u128::try_from(account.balance).unwrap_or(u128::MAX);
    let has_code = account.code_hash != alloy_primitives::KECCAK256_EMPTY;
    let delegated =
        has_code && snapshot.code_of(&account.code_hash)?.is_some_and(|code| code.starts_with(&[0xef, 1, 0]));
    Ok((account.nonce, balance, has_code, delegated))
}

fn withdrawal(parts: WithdrawalParts) -> PyResult<Withdrawal> {
    let (index, validator_index, recipient, amount) = parts;
    Ok(Withdrawal { index, validator_index, address: address(&recipient, "withdrawal address")?, amount })
}

/// An address argument: 20 bytes.
pub fn address(value: &[u8], name: &str) -> PyResult<Address> {
    Address::try_from(value)
        .map_err(|_| PyValueError::new_err(format!("{name} is an address of 20 bytes, not {} bytes", value.len())))
}

/// Bytes for Python.
pub fn py_bytes(py: Python<'_>, bytes: &[u8]) -> Py<PyBytes> {
    PyBytes::new(py, bytes).unbind()
}

fn hashes(py: Python<'_>, hashes: &[B256]) -> Hashes {
    hashes.iter().map(|hash| py_bytes(py, &hash.0)).collect()
}

/// The hash of block 0 and the root of its state, without a database.
#[pyfunction]
pub fn genesis_hash(py: Python<'_>, genesis: &[u8]) -> PyResult<(Py<PyBytes>, Py<PyBytes>)> {
    let (hash, root) = py
        .detach(|| Genesis::from_json(genesis).and_then(|genesis| chain::born::genesis_hash(&genesis)))
        .map_err(to_python)?;
    Ok((py_bytes(py, &hash.0), py_bytes(py, &root.0)))
}
