//! Reads the pickles of PyTorch's weights files as plain data.
//!
//! A pickle is a program for a small stack machine, and Python's runs whatever that program names. This one only puts
//! numbers, text, tuples, lists and dictionaries together, knows the few names that stand for a tensor
//! ([`global::Global`]), and refuses every other name. Values lie in one table and refer to each other by place, so
//! nesting costs no recursion and sharing no copies, and all memory is bounded by the length of the pickle.

mod global;
mod machine;
mod opcode;
mod rebuild;
#[cfg(test)]
mod tests;

use crate::element_type::ElementType;

/// Longest pickle that is read, bytes; a checkpoint with its optimiser has about one for each 100 bytes here.
pub(crate) const LONGEST: u64 = 32 << 20;

/// Most values, dictionary entries, marks and memory slots that one pickle may make.
const MOST_VALUES: usize = 1 << 20;

/// Place of a value in its pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(u32);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Integer(i64),
    /// An integer beyond 64 bits: little-endian, two's complement.
    LongInteger(Vec<u8>),
    Real,
    Text(String),
    Bytes,
    Tuple(Vec<Handle>),
    List(Vec<Handle>),
    Set,
    Dict(Vec<(Handle, Handle)>),
    Global(global::Global),
    Storage(StorageView),
    Tensor(TensorParts),
}

/// Numbers that lie outside the pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredElsewhere {
    /// What the file calls them.
    pub(crate) key: String,
    pub(crate) element: ElementType,
    pub(crate) count: u64,
}

/// A part of [`Pickle::storages`]: before PyTorch 0.4 tensors could share one in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StorageView {
    pub(crate) storage: usize,
    pub(crate) start: u64,
    pub(crate) count: u64,
}

/// A tensor; its sizes and strides are tuples of integers of at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TensorParts {
    pub(crate) view: StorageView,
    pub(crate) offset: u64,
    sizes: Handle,
    strides: Handle,
}

/// What a pickle describes.
#[derive(Debug)]
pub(crate) struct Pickle {
    values: Vec<Value>,
    pub(crate) root: Handle,
    pub(crate) storages: Vec<StoredElsewhere>,
    /// Bytes of the pickle; others may follow.
    pub(crate) length: usize,
}

impl Pickle {
    /// Reads the pickle that `bytes` start with.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        machine::Machine::new(bytes).run()
    }

    pub(crate) fn value(&self, handle: Handle) -> &Value {
        // Handles are only made with their values.
        self.values.get(handle.0 as usize).unwrap_or(&Value::None)
    }

    pub(crate) fn text(&self, handle: Handle) -> Option<&str> {
        match self.value(handle) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a dictionary that have text as key; none for other values.
    pub(crate) fn entries(&self, handle: Handle) -> impl Iterator<Item = (&str, Handle)> {
        let entries: &[(Handle, Handle)] = match self.value(handle) {
            Value::Dict(entries) => entries,
            _ => &[],
        };
        entries
            .iter()
            .filter_map(|&(key, value)| Some((self.text(key)?, value)))
    }

    pub(crate) fn is_dict(&self, handle: Handle) -> bool {
        matches!(self.value(handle), Value::Dict(_))
    }

    /// Sizes and strides, in elements.
    pub(crate) fn layout(&self, tensor: &TensorParts) -> (Vec<u64>, Vec<u64>) {
        let numbers = |handle| match self.value(handle) {
            Value::Tuple(items) => items
                .iter()
                .filter_map(|&item| match self.value(item) {
                    Value::Integer(number) => u64::try_from(*number).ok(),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        (numbers(tensor.sizes), numbers(tensor.strides))
    }
}

/// Why a pickle was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It goes on behind the last byte.
    Ended,
    /// It names something that is no part of weights.
    Forbidden(String),
    /// It breaks the format: what, and at which byte.
    Malformed(String, usize),
    /// It is beyond what weights need.
    Excessive(String),
}

impl Fault {
    /// A sentence about the file of that name.
    pub(crate) fn sentence(&self, file: &str) -> String {
        match self {
            Fault::Ended => format!(
                "{file} is cut off: the description of its tensors does not end; download it again"
            ),
            Fault::Forbidden(global) => format!(
                "{file} asks for the Python object {global:?}, which is no part of weights, so the file was refused and nothing in it was run; if you trust its source, save only the weights in Python, torch.save(model.state_dict(), ...), or convert them to safetensors"
            ),
            Fault::Malformed(what, at) => format!(
                "{file} is damaged: the description of its tensors {what} (byte {at} of it); download it again"
            ),
            Fault::Excessive(what) => format!(
                "{file} was refused: the description of its tensors {what}, which weights never need"
            ),
        }
    }
}
