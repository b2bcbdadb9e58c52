//! Between candle's tensors and plain slices.

use candle_core::{CpuStorage, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Whether the fast operations can read these tensors.
pub(crate) fn fast(tensors: &[&Tensor]) -> bool {
    tensors
        .iter()
        .all(|x| x.device().is_cpu() && x.dtype() == DType::F32)
}

/// The values of a contiguous f32 tensor.
pub(crate) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => candle_core::bail!("a kernel was given values that are not contiguous"),
    }
}

/// What an operation hands back to candle.
pub(crate) fn output(values: Vec<f32>, shape: impl Into<Shape>) -> (CpuStorage, Shape) {
    (CpuStorage::F32(values), shape.into())
}

/// Runs `f` over the values of contiguous f32 CPU tensors.
pub(crate) fn read<R>(tensors: &[&Tensor], f: impl FnOnce(&[&[f32]]) -> Result<R>) -> Result<R> {
    let guards: Vec<_> = tensors.iter().map(|x| x.storage_and_layout()).collect();
    let slices = guards
        .iter()
        .map(|(storage, layout)| match &**storage {
            candle_core::Storage::Cpu(storage) => values(storage, layout),
            _ => candle_core::bail!("a kernel was given values that are not on the CPU"),
        })
        .collect::<Result<Vec<_>>>()?;
    f(&slices)
}

/// Elements per piece of work: enough to be worth another thread's attention, and the same whatever the number of
/// threads, so that sums over pieces do not depend on the machine.
const PIECE: usize = 16_384;

/// Rows of `width` elements per piece of work.
pub(crate) fn rows_per_piece(width: usize) -> usize {
    (PIECE / width.max(1)).max(1)
}

/// Fills `y` in parallel; `fill` gets the offset of its piece. Pieces hold whole rows of `width` elements.
pub(crate) fn pieces(y: &mut [f32], width: usize, fill: impl Fn(usize, &mut [f32]) + Sync) {
    let piece = rows_per_piece(width) * width.max(1);
    if y.len() <= piece {
        fill(0, y);
    } else {
        y.par_chunks_mut(piece)
            .enumerate()
            .for_each(|(i, y)| fill(i * piece, y));
    }
}

/// A buffer that holds anything, for results of which each element will be written.
///
/// # Safety
/// No element may be read before it has been written.
#[allow(unsafe_code, clippy::uninit_vec)]
pub(crate) unsafe fn unwritten(len: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    // SAFETY: there is room for so many; an f32 may hold any bits, and the caller reads none before writing it.
    unsafe { values.set_len(len) };
    values
}

/// Runs `tasks` tasks of about `cost` operations each, in parallel if they are worth it.
pub(crate) fn tasks(tasks: usize, cost: usize, run: impl Fn(usize) + Sync + Send) {
    if tasks.saturating_mul(cost) <= 8 * PIECE {
        (0..tasks).for_each(run);
    } else {
        (0..tasks).into_par_iter().for_each(run);
    }
}

/// Runs `run(task, buffer)` for each task, in parallel if there are several, and collects the results in order; the
/// buffer of `len` elements holds anything.
pub(crate) fn with_buffer<R: Send>(
    tasks: usize,
    len: usize,
    run: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
) -> Vec<R> {
    if tasks <= 1 {
        let mut buffer = vec![0f32; len];
        return (0..tasks).map(|task| run(task, &mut buffer)).collect();
    }
    (0..tasks)
        .into_par_iter()
        .map_init(|| vec![0f32; len], |buffer, task| run(task, buffer))
        .collect()
}
