//! One tensor of a weights file, read when it is asked for.

use std::path::Path;
use std::sync::Arc;

use crate::element_type::ElementType;
use crate::error::{ModelError, Result};
use crate::source::OpenSource;

/// Read at a time; small enough to stay in the cache while it is converted.
const CHUNK: u64 = 1 << 18;

/// Numbers in a row that tensors are views of.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) content: Content,
    pub(crate) element: ElementType,
    pub(crate) count: u64,
    pub(crate) big_endian: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// From this byte of the file on.
    File(Arc<OpenSource>, u64),
    /// Was packed in the file.
    Unpacked(Arc<[u8]>, Arc<OpenSource>),
}

impl Storage {
    fn path(&self) -> &Path {
        match &self.content {
            Content::File(file, _) | Content::Unpacked(_, file) => &file.path,
        }
    }

    /// The bytes of the elements from `first` on, little-endian.
    fn read(&self, first: u64, into: &mut [u8]) -> Result<()> {
        let size = self.element.bytes();
        let start = first * size;
        match &self.content {
            Content::File(file, offset) => file.read_at(into, offset + start)?,
            Content::Unpacked(bytes, file) => {
                let there = usize::try_from(start)
                    .ok()
                    .and_then(|start| bytes.get(start..start.checked_add(into.len())?))
                    .ok_or_else(|| {
                        ModelError::file(&file.path, "The weights end before their last number")
                    })?;
                into.copy_from_slice(there);
            }
        }
        if self.big_endian {
            for number in into.chunks_exact_mut(size as usize) {
                number.reverse();
            }
        }
        Ok(())
    }
}

/// A tensor of a weights file: what is known of it before its numbers are read.
#[derive(Clone, Debug)]
pub struct StateTensor {
    shape: Vec<usize>,
    storage: Arc<Storage>,
    /// In elements, as `strides`.
    offset: u64,
    strides: Vec<u64>,
}

impl StateTensor {
    /// A view of `storage`; `None` if it reaches out of it, or is larger than it.
    ///
    /// Larger only by repeating numbers, which no weights do; refused, so that a small file cannot ask for much memory.
    pub(crate) fn view(
        storage: Arc<Storage>,
        shape: Vec<usize>,
        offset: u64,
        strides: Vec<u64>,
    ) -> Option<Self> {
        if shape.len() != strides.len() {
            return None;
        }
        let mut elements = 1_u64;
        let mut last = offset;
        for (&size, &stride) in shape.iter().zip(&strides) {
            elements = elements.checked_mul(size as u64)?;
            last = last.checked_add((size as u64).saturating_sub(1).checked_mul(stride)?)?;
        }
        let inside = elements == 0 || (elements <= storage.count && last < storage.count);
        inside.then_some(Self {
            shape,
            storage,
            offset,
            strides,
        })
    }

    /// All of `storage` in row-major order; `None` if it has another size.
    pub(crate) fn whole(storage: Storage, shape: Vec<usize>) -> Option<Self> {
        let strides = row_major(&shape)?;
        let elements = shape
            .iter()
            .try_fold(1_u64, |product, &size| product.checked_mul(size as u64))?;
        (elements == storage.count)
            .then(|| Self::view(Arc::new(storage), shape, 0, strides))
            .flatten()
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How the numbers are stored.
    pub fn element(&self) -> ElementType {
        self.storage.element
    }

    /// Numbers in the tensor.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The values in float32, row-major; of integers too.
    ///
    /// # Errors
    /// A sentence if the file cannot be read, a value is NaN or infinite, or the type is neither float nor integer.
    pub(crate) fn floats(&self, name: &str) -> Result<Vec<f32>> {
        self.readable(name)?;
        let element = self.element();
        let mut values = Vec::with_capacity(self.elements());
        self.each_run(|bytes| element.append_floats(bytes, &mut values))?;
        // Folded without a branch, so that the compiler can look at many values at once.
        let bad = values
            .iter()
            .fold(false, |bad, value| bad | !value.is_finite());
        if bad {
            return Err(self.refused(format!(
                "The tensor \"{name}\" holds values that are NaN or infinite, so every result would be; the weights are damaged or their training diverged"
            )));
        }
        Ok(values)
    }

    /// The values of a tensor of integers or booleans, row-major.
    ///
    /// # Errors
    /// A sentence if the file cannot be read or the type is another.
    pub(crate) fn integers(&self, name: &str) -> Result<Vec<i64>> {
        self.readable(name)?;
        let element = self.element();
        if element.is_float() {
            return Err(self.refused(format!(
                "The tensor \"{name}\" holds {} numbers where integers belong",
                element.name()
            )));
        }
        let mut values = Vec::with_capacity(self.elements());
        self.each_run(|bytes| element.append_integers(bytes, &mut values))?;
        Ok(values)
    }

    fn readable(&self, name: &str) -> Result<()> {
        match self.element() {
            ElementType::Foreign(kind, _) => Err(self.refused(format!(
                "The tensor \"{name}\" is stored in {kind}, which cannot be read; only f32, f16, bf16, f64 and integers can"
            ))),
            _ => Ok(()),
        }
    }

    fn refused(&self, what: String) -> ModelError {
        ModelError::file(self.storage.path(), what)
    }

    /// Hands out the numbers' bytes in row-major order, in pieces.
    fn each_run(&self, mut take: impl FnMut(&[u8])) -> Result<()> {
        let elements = self.elements() as u64;
        if elements == 0 {
            return Ok(());
        }
        let size = self.element().bytes();
        if row_major(&self.shape)
            .is_some_and(|strides| same_view(&self.shape, &strides, &self.strides))
        {
            let step = CHUNK / size;
            let mut buffer = vec![0; (step.min(elements) * size) as usize];
            let mut done = 0;
            while done < elements {
                let count = step.min(elements - done);
                let bytes = &mut buffer[..(count * size) as usize];
                self.storage.read(self.offset + done, bytes)?;
                take(bytes);
                done += count;
            }
            return Ok(());
        }
        // The view lies inside its storage, so this span is no longer than the file.
        let last: u64 = self
            .shape
            .iter()
            .zip(&self.strides)
            .map(|(&length, &stride)| (length as u64 - 1) * stride)
            .sum();
        let mut span = vec![0; ((last + 1) * size) as usize];
        self.storage.read(self.offset, &mut span)?;
        let mut at = vec![0_usize; self.shape.len()];
        for _ in 0..elements {
            let element: u64 = at
                .iter()
                .zip(&self.strides)
                .map(|(&index, &stride)| index as u64 * stride)
                .sum();
            let start = (element * size) as usize;
            take(&span[start..start + size as usize]);
            for (index, &length) in at.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < length {
                    break;
                }
                *index = 0;
            }
        }
        Ok(())
    }
}

/// Strides of a row-major tensor, in elements; `None` if it is too large for any file.
pub(crate) fn row_major(shape: &[usize]) -> Option<Vec<u64>> {
    let mut strides = vec![0; shape.len()];
    let mut stride = 1_u64;
    for (place, &size) in strides.iter_mut().zip(shape).rev() {
        *place = stride;
        stride = stride.checked_mul((size as u64).max(1))?;
    }
    Some(strides)
}

/// Whether two strides lead to the same elements: those of axes of one element are free.
fn same_view(shape: &[usize], one: &[u64], other: &[u64]) -> bool {
    shape
        .iter()
        .zip(one.iter().zip(other))
        .all(|(&size, (one, other))| size == 1 || one == other)
}
