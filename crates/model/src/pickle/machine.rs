//! The stack machine.

use std::collections::HashMap;

use super::global::Global;
use super::opcode as op;
use super::{Fault, Handle, MOST_VALUES, Pickle, StoredElsewhere, Value};

/// Longest name of a Python object, bytes.
const LONGEST_NAME: usize = 1024;

/// Longest integer, bytes; the longest in any weights file is the legacy format's own mark of 10.
const LONGEST_INTEGER: usize = 255;

type Step<T = ()> = Result<T, Fault>;

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    /// Of the next byte.
    at: usize,
    /// Of the instruction that is carried out.
    instruction: usize,
    pub(super) values: Vec<Value>,
    pub(super) stack: Vec<Handle>,
    /// Heights of the stack where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u32, Handle>,
    /// Values, entries, marks and memory slots made so far.
    made: usize,
    pub(super) storages: Vec<StoredElsewhere>,
    /// From a storage's key to its place.
    pub(super) places: HashMap<String, usize>,
}

/// Values that are made once, however often a pickle asks for them.
const SHARED: [Value; 4] = [
    Value::None,
    Value::Bool(false),
    Value::Bool(true),
    Value::Real,
];

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            instruction: 0,
            values: SHARED.to_vec(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            made: 0,
            storages: Vec::new(),
            places: HashMap::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Pickle, Fault> {
        if self.bytes.first().is_some_and(|&first| first != op::PROTO) {
            return Err(self.malformed("does not begin as a pickle of protocol 2 to 4 does"));
        }
        loop {
            self.instruction = self.at;
            let code = self.byte()?;
            if code == op::STOP {
                let root = self.pop()?;
                return Ok(Pickle {
                    values: self.values,
                    root,
                    storages: self.storages,
                    length: self.at,
                });
            }
            self.carry_out(code)?;
        }
    }

    fn carry_out(&mut self, code: u8) -> Step {
        match code {
            op::PROTO => match self.byte()? {
                2..=4 => Ok(()),
                other => Err(self.malformed(format!("is of the unknown protocol {other}"))),
            },
            // How many bytes may be read at once; they are here already.
            op::FRAME => self.take(8).map(drop),

            op::MARK => {
                self.charge(1)?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP => match self.marks.last() {
                Some(&mark) if mark == self.stack.len() => {
                    self.marks.pop();
                    Ok(())
                }
                _ => self.pop().map(drop),
            },
            op::POP_MARK => self.pop_to_mark().map(drop),
            op::DUP => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }

            op::NONE => self.shared(0),
            op::NEWFALSE => self.shared(1),
            op::NEWTRUE => self.shared(2),
            op::BINFLOAT => {
                self.take(8)?;
                self.shared(3)
            }
            op::BININT => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Integer(number.into()))
            }
            op::BININT1 => {
                let number = self.byte()?;
                self.push(Value::Integer(number.into()))
            }
            op::BININT2 => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Value::Integer(number.into()))
            }
            op::LONG1 => {
                let length = self.length(1)?;
                self.integer(length)
            }
            op::LONG4 => {
                let length = self.length(4)?;
                self.integer(length)
            }

            op::BINUNICODE => self.text(4),
            op::SHORT_BINUNICODE => self.text(1),
            op::BINUNICODE8 => self.text(8),
            // Text of Python 2.
            op::BINSTRING => self.text_or_bytes(4),
            op::SHORT_BINSTRING => self.text_or_bytes(1),
            op::BINBYTES => self.skip_bytes(4),
            op::SHORT_BINBYTES => self.skip_bytes(1),
            op::BINBYTES8 => self.skip_bytes(8),

            op::EMPTY_TUPLE => self.push(Value::Tuple(Vec::new())),
            op::TUPLE1 => self.tuple(1),
            op::TUPLE2 => self.tuple(2),
            op::TUPLE3 => self.tuple(3),
            op::TUPLE => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items))
            }

            op::EMPTY_LIST => self.push(Value::List(Vec::new())),
            op::LIST => {
                let items = self.pop_to_mark()?;
                self.push(Value::List(items))
            }
            op::APPEND => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            op::APPENDS => {
                let items = self.pop_to_mark()?;
                self.append(items)
            }

            op::EMPTY_SET => self.push(Value::Set),
            op::ADDITEMS => {
                self.pop_to_mark()?;
                let top = self.top()?;
                match self.value(top) {
                    Value::Set => Ok(()),
                    _ => Err(self.malformed("adds to a set that is none")),
                }
            }
            op::FROZENSET => {
                self.pop_to_mark()?;
                self.push(Value::Set)
            }

            op::EMPTY_DICT => self.push(Value::Dict(Vec::new())),
            op::DICT => {
                let items = self.pop_to_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                self.set_items(&items)
            }
            op::SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])
            }
            op::SETITEMS => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)
            }

            op::BINPUT => {
                let slot = self.byte()?;
                self.remember(slot.into())
            }
            op::LONG_BINPUT => {
                let slot = u32::from_le_bytes(self.array()?);
                self.remember(slot)
            }
            op::MEMOIZE => self.remember(self.memo.len() as u32),
            op::BINGET => {
                let slot = self.byte()?;
                self.recall(slot.into())
            }
            op::LONG_BINGET => {
                let slot = u32::from_le_bytes(self.array()?);
                self.recall(slot)
            }

            op::GLOBAL => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(&module, &name)
            }
            op::STACK_GLOBAL => {
                let name = self.pop()?;
                let module = self.pop()?;
                match (self.value(module).clone(), self.value(name).clone()) {
                    (Value::Text(module), Value::Text(name)) => self.global(&module, &name),
                    _ => Err(self.malformed("names an object by something else than text")),
                }
            }
            op::BINPERSID => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Value::Storage(storage))
            }
            op::REDUCE | op::NEWOBJ => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.rebuild(callable, arguments)
            }
            op::BUILD => {
                self.pop()?;
                let top = self.top()?;
                match self.value(top) {
                    Value::Dict(_) | Value::Tensor(_) => Ok(()),
                    _ => Err(self.malformed("gives attributes to a value that has none")),
                }
            }
            other => Err(self.malformed(format!(
                "has the instruction {:?}, which no weights file has",
                char::from(other)
            ))),
        }
    }

    // Reading.

    fn byte(&mut self) -> Step<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Fault::Ended)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(count).ok_or(Fault::Ended)?;
        let taken = self.bytes.get(self.at..end).ok_or(Fault::Ended)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Fault::Ended)
    }

    /// A length of 1, 4 or 8 bytes, little-endian. More than memory can have cannot be there.
    fn length(&mut self, bytes: usize) -> Step<usize> {
        let mut whole = [0; 8];
        whole[..bytes].copy_from_slice(self.take(bytes)?);
        usize::try_from(u64::from_le_bytes(whole)).map_err(|_| Fault::Ended)
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.bytes[self.at..];
        let within = &rest[..rest.len().min(LONGEST_NAME)];
        match within.iter().position(|&byte| byte == b'\n') {
            Some(length) => {
                self.at += length + 1;
                Ok(String::from_utf8_lossy(&within[..length]).into_owned())
            }
            None if within.len() < LONGEST_NAME => Err(Fault::Ended),
            None => Err(self.malformed("names an object at no end")),
        }
    }

    fn integer(&mut self, length: usize) -> Step {
        if length > LONGEST_INTEGER {
            return Err(Fault::Excessive(format!(
                "holds an integer of {length} bytes"
            )));
        }
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        if bytes.len() > 8 {
            return self.push(Value::LongInteger(bytes.to_vec()));
        }
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Integer(i64::from_le_bytes(whole)))
    }

    fn text(&mut self, length_bytes: usize) -> Step {
        let length = self.length(length_bytes)?;
        match std::str::from_utf8(self.take(length)?) {
            Ok(text) => self.push(Value::Text(text.to_owned())),
            Err(_) => Err(self.malformed("holds text that is no UTF-8")),
        }
    }

    fn text_or_bytes(&mut self, length_bytes: usize) -> Step {
        let length = self.length(length_bytes)?;
        let value = std::str::from_utf8(self.take(length)?)
            .map_or(Value::Bytes, |text| Value::Text(text.to_owned()));
        self.push(value)
    }

    fn skip_bytes(&mut self, length_bytes: usize) -> Step {
        let length = self.length(length_bytes)?;
        self.take(length)?;
        self.push(Value::Bytes)
    }

    // The stack.

    pub(super) fn malformed(&self, what: impl Into<String>) -> Fault {
        Fault::Malformed(what.into(), self.instruction)
    }

    pub(super) fn charge(&mut self, count: usize) -> Step {
        self.made = self.made.saturating_add(count);
        if self.made > MOST_VALUES {
            return Err(Fault::Excessive(format!(
                "makes more than {MOST_VALUES} values"
            )));
        }
        Ok(())
    }

    pub(super) fn value(&self, handle: Handle) -> &Value {
        &self.values[handle.0 as usize]
    }

    pub(super) fn push(&mut self, value: Value) -> Step {
        self.charge(1)?;
        self.stack.push(Handle(self.values.len() as u32));
        self.values.push(value);
        Ok(())
    }

    fn shared(&mut self, place: u32) -> Step {
        self.stack.push(Handle(place));
        Ok(())
    }

    /// The lowest place of the stack that is not behind a mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Step<Handle> {
        if self.stack.len() <= self.floor() {
            return Err(self.malformed("takes a value where none is"));
        }
        self.stack
            .pop()
            .ok_or_else(|| self.malformed("takes a value where none is"))
    }

    fn top(&self) -> Step<Handle> {
        match self.stack.last() {
            Some(&top) if self.stack.len() > self.floor() => Ok(top),
            _ => Err(self.malformed("needs a value where none is")),
        }
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Handle>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => Err(self.malformed("goes back to a mark that was never set")),
        }
    }

    fn tuple(&mut self, count: usize) -> Step {
        if self.stack.len() < self.floor() + count {
            return Err(self.malformed("takes a value where none is"));
        }
        let items = self.stack.split_off(self.stack.len() - count);
        self.push(Value::Tuple(items))
    }

    fn append(&mut self, items: Vec<Handle>) -> Step {
        let top = self.top()?;
        match &mut self.values[top.0 as usize] {
            Value::List(list) => {
                list.extend(items);
                Ok(())
            }
            _ => Err(self.malformed("appends to a list that is none")),
        }
    }

    pub(super) fn set_items(&mut self, items: &[Handle]) -> Step {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.malformed("sets a key without a value"));
        }
        self.charge(pairs.len())?;
        let top = self.top()?;
        match &mut self.values[top.0 as usize] {
            Value::Dict(entries) => {
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(self.malformed("sets entries of a dictionary that is none")),
        }
    }

    fn remember(&mut self, slot: u32) -> Step {
        let top = self.top()?;
        self.charge(1)?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Step {
        match self.memo.get(&slot) {
            Some(&handle) => {
                self.stack.push(handle);
                Ok(())
            }
            None => Err(self.malformed(format!("recalls the value {slot}, which it never kept"))),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Step {
        match Global::named(module, name) {
            Some(global) => self.push(Value::Global(global)),
            None => {
                let full = format!("{module}.{name}");
                Err(Fault::Forbidden(full.chars().take(120).collect()))
            }
        }
    }
}
