//! What the few known names make of their arguments.

use super::global::Global;
use super::machine::Machine;
use super::{Fault, Handle, StorageView, StoredElsewhere, TensorParts, Value};

/// Most axes of a tensor; weights have up to six.
const MOST_AXES: usize = 8;

impl Machine<'_> {
    /// Puts on the stack what calling `callable` stands for.
    pub(super) fn rebuild(&mut self, callable: Handle, arguments: Handle) -> Result<(), Fault> {
        let Value::Global(global) = *self.value(callable) else {
            return Err(self.malformed("calls something that cannot be called"));
        };
        let Value::Tuple(arguments) = self.value(arguments) else {
            return Err(self.malformed("calls something without a tuple of arguments"));
        };
        match (global, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.push(Value::Dict(Vec::new())),
            // Python 2 gives the entries here.
            (Global::OrderedDict, &[entries]) => {
                let pairs = self.pairs(entries)?;
                self.push(Value::Dict(Vec::new()))?;
                self.set_items(&pairs)
            }
            (Global::RebuildTensor, &[storage, offset, sizes, strides, ..]) => {
                let tensor = self.tensor(storage, offset, sizes, strides)?;
                self.push(Value::Tensor(tensor))
            }
            (Global::RebuildParameter, &[tensor, ..])
                if matches!(self.value(tensor), Value::Tensor(_)) =>
            {
                self.stack.push(tensor);
                Ok(())
            }
            (Global::Size, &[sizes]) if matches!(self.value(sizes), Value::Tuple(_)) => {
                self.stack.push(sizes);
                Ok(())
            }
            _ => Err(self.malformed("calls something with arguments that do not fit")),
        }
    }

    /// Key, value, key, value, ... of a list of pairs.
    fn pairs(&mut self, list: Handle) -> Result<Vec<Handle>, Fault> {
        let Value::List(items) = self.value(list) else {
            return Err(self.malformed("makes a dictionary of something else than a list"));
        };
        // The same list can be asked for again and again.
        let count = items.len();
        self.charge(count)?;
        let Value::List(items) = self.value(list) else {
            return Ok(Vec::new());
        };
        let mut pairs = Vec::with_capacity(2 * count);
        for &item in items {
            match self.value(item) {
                Value::Tuple(pair) | Value::List(pair) if pair.len() == 2 => pairs.extend(pair),
                _ => return Err(self.malformed("makes a dictionary of something else than pairs")),
            }
        }
        Ok(pairs)
    }

    fn tensor(
        &self,
        storage: Handle,
        offset: Handle,
        sizes: Handle,
        strides: Handle,
    ) -> Result<TensorParts, Fault> {
        let &Value::Storage(view) = self.value(storage) else {
            return Err(self.malformed("makes a tensor of something else than a storage"));
        };
        let axes = self.check_axes(sizes)?;
        if self.check_axes(strides)? != axes {
            return Err(self.malformed("makes a tensor with more sizes than strides, or fewer"));
        }
        Ok(TensorParts {
            view,
            offset: self.natural(offset)?,
            sizes,
            strides,
        })
    }

    /// The number of axes, if each has an integer of at least 0.
    fn check_axes(&self, tuple: Handle) -> Result<usize, Fault> {
        // A list could grow after it was looked at.
        let Value::Tuple(items) = self.value(tuple) else {
            return Err(self.malformed("makes a tensor whose shape is no tuple"));
        };
        if items.len() > MOST_AXES {
            return Err(Fault::Excessive(format!(
                "makes a tensor of {} axes",
                items.len()
            )));
        }
        for &item in items {
            self.natural(item)?;
        }
        Ok(items.len())
    }

    fn natural(&self, handle: Handle) -> Result<u64, Fault> {
        match self.value(handle) {
            Value::Integer(number) => u64::try_from(*number)
                .map_err(|_| self.malformed(format!("has the negative size {number}"))),
            Value::LongInteger(_) => Err(self.malformed("has a size beyond 64 bits")),
            _ => Err(self.malformed("has a size that is no integer")),
        }
    }

    /// The storage that a persistent id names: `("storage", kind, key, location, count[, part])`.
    pub(super) fn storage(&mut self, id: Handle) -> Result<StorageView, Fault> {
        let Value::Tuple(parts) = self.value(id) else {
            return Err(self.malformed("refers to something that is no storage"));
        };
        let (&[word, kind, key, _, count], part) = (match parts.as_slice() {
            [first @ .., part] if parts.len() == 6 => (first, Some(*part)),
            all => (all, None),
        }) else {
            return Err(self.malformed("refers to a storage in an unknown way"));
        };
        if !matches!(self.value(word), Value::Text(word) if word == "storage") {
            return Err(self.malformed("refers to something that is no storage"));
        }
        let (&Value::Global(Global::Storage(element)), Value::Text(key)) =
            (self.value(kind), self.value(key))
        else {
            return Err(self.malformed("refers to a storage of no kind or no name"));
        };
        let count = self.natural(count)?;
        let storage = match self.places.get(key) {
            Some(&place) => {
                let known = &self.storages[place];
                if known.element != element || known.count != count {
                    return Err(self.malformed(format!(
                        "calls the storage {:?} once {} of {} and once {} of {}",
                        short(key),
                        known.count,
                        known.element.name(),
                        count,
                        element.name()
                    )));
                }
                place
            }
            None => {
                let key = key.clone();
                let place = self.storages.len();
                self.charge(1)?;
                self.places.insert(key.clone(), place);
                self.storages.push(StoredElsewhere {
                    key,
                    element,
                    count,
                });
                place
            }
        };
        let whole = StorageView {
            storage,
            start: 0,
            count,
        };
        match part {
            None => Ok(whole),
            Some(part) => self.part(whole, part),
        }
    }

    /// A part of a storage: `(key, start, count)`.
    fn part(&self, whole: StorageView, part: Handle) -> Result<StorageView, Fault> {
        match self.value(part) {
            Value::None => Ok(whole),
            Value::Tuple(items) => {
                let &[_, start, count] = items.as_slice() else {
                    return Err(self.malformed("takes a part of a storage in an unknown way"));
                };
                let (start, count) = (self.natural(start)?, self.natural(count)?);
                if start.checked_add(count).is_none_or(|end| end > whole.count) {
                    return Err(self.malformed("takes a part that reaches out of its storage"));
                }
                Ok(StorageView {
                    start,
                    count,
                    ..whole
                })
            }
            _ => Err(self.malformed("takes a part of a storage in an unknown way")),
        }
    }
}

/// The beginning of a name, for messages.
fn short(name: &str) -> String {
    name.chars().take(60).collect()
}
