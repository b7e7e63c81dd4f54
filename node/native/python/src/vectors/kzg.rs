//! EIP-4844 and EIP-7594 polynomial commitments on the mainnet set-up, as the pool and the point evaluation use them.

use super::invalid;
use c_kzg::{Blob, Bytes32, Bytes48, Cell, Error, KzgSettings, ethereum_kzg_settings};
use pyo3::prelude::*;

type Cells = Vec<Vec<u8>>;

/// No precomputed tables: they cost 100 MB and pay off only where cells are made in bulk.
const PRECOMPUTE: u64 = 0;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(warm_up_kzg, module)?)?;
    module.add_function(wrap_pyfunction!(blob_to_kzg_commitment, module)?)?;
    module.add_function(wrap_pyfunction!(compute_kzg_proof, module)?)?;
    module.add_function(wrap_pyfunction!(compute_blob_kzg_proof, module)?)?;
    module.add_function(wrap_pyfunction!(verify_kzg_proof, module)?)?;
    module.add_function(wrap_pyfunction!(verify_blob_kzg_proof, module)?)?;
    module.add_function(wrap_pyfunction!(verify_blob_kzg_proof_batch, module)?)?;
    module.add_function(wrap_pyfunction!(compute_cells, module)?)?;
    module.add_function(wrap_pyfunction!(compute_cells_and_kzg_proofs, module)?)?;
    module.add_function(wrap_pyfunction!(recover_cells_and_kzg_proofs, module)?)?;
    module.add_function(wrap_pyfunction!(verify_cell_kzg_proof_batch, module)?)
}

fn run<T: Send>(py: Python<'_>, work: impl FnOnce(&KzgSettings) -> Result<T, Error> + Send) -> PyResult<T> {
    py.detach(|| work(ethereum_kzg_settings(PRECOMPUTE))).map_err(invalid)
}

/// Read the set-up (a second) in a thread of its own, which nobody waits for: the first blob finds it read.
#[pyfunction]
fn warm_up_kzg() {
    std::thread::spawn(|| ethereum_kzg_settings(PRECOMPUTE));
}

fn all<T>(items: &[Vec<u8>], parse: impl Fn(&[u8]) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    items.iter().map(|item| parse(item)).collect()
}

/// blob (131,072 bytes) -> commitment (48 bytes)
#[pyfunction]
fn blob_to_kzg_commitment(py: Python<'_>, blob: &[u8]) -> PyResult<Vec<u8>> {
    run(py, |kzg| Ok(kzg.blob_to_kzg_commitment(&Blob::from_bytes(blob)?)?.to_bytes().to_vec()))
}

/// blob, point z (32 bytes) -> proof (48 bytes), value y (32 bytes)
#[pyfunction]
fn compute_kzg_proof(py: Python<'_>, blob: &[u8], z: &[u8]) -> PyResult<(Vec<u8>, Vec<u8>)> {
    run(py, |kzg| {
        let (proof, y) = kzg.compute_kzg_proof(&Blob::from_bytes(blob)?, &Bytes32::from_bytes(z)?)?;
        Ok((proof.to_bytes().to_vec(), y.to_vec()))
    })
}

/// blob, commitment -> proof
#[pyfunction]
fn compute_blob_kzg_proof(py: Python<'_>, blob: &[u8], commitment: &[u8]) -> PyResult<Vec<u8>> {
    run(py, |kzg| {
        let proof = kzg.compute_blob_kzg_proof(&Blob::from_bytes(blob)?, &Bytes48::from_bytes(commitment)?)?;
        Ok(proof.to_bytes().to_vec())
    })
}

/// Whether the committed polynomial has value `y` at `z`.
#[pyfunction]
fn verify_kzg_proof(py: Python<'_>, commitment: &[u8], z: &[u8], y: &[u8], proof: &[u8]) -> PyResult<bool> {
    run(py, |kzg| {
        kzg.verify_kzg_proof(
            &Bytes48::from_bytes(commitment)?,
            &Bytes32::from_bytes(z)?,
            &Bytes32::from_bytes(y)?,
            &Bytes48::from_bytes(proof)?,
        )
    })
}

/// Whether `proof` shows that `commitment` is the blob's.
#[pyfunction]
fn verify_blob_kzg_proof(py: Python<'_>, blob: &[u8], commitment: &[u8], proof: &[u8]) -> PyResult<bool> {
    run(py, |kzg| {
        kzg.verify_blob_kzg_proof(
            &Blob::from_bytes(blob)?,
            &Bytes48::from_bytes(commitment)?,
            &Bytes48::from_bytes(proof)?,
        )
    })
}

/// The same for many blobs; `ValueError` where the lists differ in length.
#[pyfunction]
fn verify_blob_kzg_proof_batch(
    py: Python<'_>,
    blobs: Vec<Vec<u8>>,
    commitments: Vec<Vec<u8>>,
    proofs: Vec<Vec<u8>>,
) -> PyResult<bool> {
    run(py, |kzg| {
        kzg.verify_blob_kzg_proof_batch(
            &all(&blobs, Blob::from_bytes)?,
            &all(&commitments, Bytes48::from_bytes)?,
            &all(&proofs, Bytes48::from_bytes)?,
        )
    })
}

/// blob -> the 128 cells (2,048 bytes each) of the extended blob
#[pyfunction]
fn compute_cells(py: Python<'_>, blob: &[u8]) -> PyResult<Cells> {
    run(py, |kzg| Ok(cell_bytes(kzg.compute_cells(&Blob::from_bytes(blob)?)?.as_slice())))
}

/// blob -> cells, and a proof for each
#[pyfunction]
fn compute_cells_and_kzg_proofs(py: Python<'_>, blob: &[u8]) -> PyResult<(Cells, Vec<Vec<u8>>)> {
    run(py, |kzg| {
        let (cells, proofs) = kzg.compute_cells_and_kzg_proofs(&Blob::from_bytes(blob)?)?;
        Ok((cell_bytes(cells.as_slice()), proofs.iter().map(|proof| proof.to_bytes().to_vec()).collect()))
    })
}

/// At least half of the cells and their indices -> all cells and proofs
#[pyfunction]
fn recover_cells_and_kzg_proofs(
    py: Python<'_>,
    cell_indices: Vec<u64>,
    cells: Vec<Vec<u8>>,
) -> PyResult<(Cells, Vec<Vec<u8>>)> {
    run(py, |kzg| {
        let (cells, proofs) = kzg.recover_cells_and_kzg_proofs(&cell_indices, &all(&cells, Cell::from_bytes)?)?;
        Ok((cell_bytes(cells.as_slice()), proofs.iter().map(|proof| proof.to_bytes().to_vec()).collect()))
    })
}

/// Whether each cell belongs to the commitment beside it.
#[pyfunction]
fn verify_cell_kzg_proof_batch(
    py: Python<'_>,
    commitments: Vec<Vec<u8>>,
    cell_indices: Vec<u64>,
    cells: Vec<Vec<u8>>,
    proofs: Vec<Vec<u8>>,
) -> PyResult<bool> {
    run(py, |kzg| {
        kzg.verify_cell_kzg_proof_batch(
            &all(&commitments, Bytes48::from_bytes)?,
            &cell_indices,
            &all(&cells, Cell::from_bytes)?,
            &all(&proofs, Bytes48::from_bytes)?,
        )
    })
}

fn cell_bytes(cells: &[Cell]) -> Cells {
    cells.iter().map(|cell| cell.to_bytes().to_vec()).collect()
}
