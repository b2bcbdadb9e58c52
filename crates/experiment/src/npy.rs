//! Numpy's `.npy` arrays: the members of a result file, and noise files.

use std::io;
use std::path::Path;

use npyz::{DType, NpyFile, Order, WriteOptions, WriterBuilder};

use crate::{Array, ExperimentError, OutsideFile};

/// Longest array header that is read, bytes; numpy's own limit is 10000.
const MAX_HEADER: usize = 16 << 10;
/// Most brackets in it: one pair for its dictionary and one for its shape, and some for a type of few fields. The time of
/// parsing doubles with each one that is not closed.
const MOST_BRACKETS: usize = 8;
/// Largest array file that is read, bytes.
const MAX_FILE: u64 = 8 << 30;

/// The values of an array of one of the types that result files use, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U32(Vec<u32>),
    U8(Vec<u8>),
    Bool(Vec<bool>),
    Text(Vec<String>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::U32(v) => v.len(),
            Values::U8(v) => v.len(),
            Values::Bool(v) => v.len(),
            Values::Text(v) => v.len(),
        }
    }

    /// numpy's name of the type.
    fn descr(&self) -> String {
        match self {
            Values::F32(_) => "<f4".into(),
            Values::F64(_) => "<f8".into(),
            Values::U32(_) => "<u4".into(),
            Values::U8(_) => "|u1".into(),
            Values::Bool(_) => "|b1".into(),
            Values::Text(v) => {
                let longest = v.iter().map(|s| s.chars().count()).max().unwrap_or(0);
                format!("<U{}", longest.max(1))
            }
        }
    }
}

/// An array as stored in a `.npy` file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

impl Stored {
    pub(crate) fn scalar_text(text: &str) -> Self {
        Self {
            shape: Vec::new(),
            values: Values::Text(vec![text.to_string()]),
        }
    }

    pub(crate) fn scalar(value: f32) -> Self {
        Self {
            shape: Vec::new(),
            values: Values::F32(vec![value]),
        }
    }

    /// The bytes of a `.npy` file.
    pub(crate) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let descr = self.values.descr();
        let shape: Vec<u64> = self.shape.iter().map(|&d| d as u64).collect();
        match &self.values {
            Values::F32(v) => write(&mut out, &descr, &shape, v.iter())?,
            Values::F64(v) => write(&mut out, &descr, &shape, v.iter())?,
            Values::U32(v) => write(&mut out, &descr, &shape, v.iter())?,
            Values::U8(v) => write(&mut out, &descr, &shape, v.iter())?,
            Values::Bool(v) => write(&mut out, &descr, &shape, v.iter())?,
            Values::Text(v) => write(&mut out, &descr, &shape, v.iter().map(String::as_str))?,
        }
        Ok(out)
    }

    /// Reads the bytes of a `.npy` file; the sizes it claims are believed only if the bytes are there.
    ///
    /// The error completes "The array ...".
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        check_header(bytes)?;
        let file = NpyFile::new(bytes).map_err(|e| format!("has an unreadable header ({e})"))?;
        let header = file.header().clone();
        let data = file.into_inner();
        let DType::Plain(kind) = header.dtype() else {
            return Err("is structured; plain numbers are needed".into());
        };
        if header.uses_pickled_array() {
            return Err("holds Python objects; plain numbers are needed".into());
        }
        let shape = header
            .shape()
            .iter()
            .map(|&d| usize::try_from(d).ok())
            .collect::<Option<Vec<_>>>();
        let bytes_claimed = shape.as_ref().and_then(|shape| {
            let item = kind.num_bytes()?;
            shape.iter().try_fold(item, |n, &d| n.checked_mul(d))
        });
        let (Some(shape), Some(claimed)) = (shape, bytes_claimed) else {
            return Err("claims an impossible size".into());
        };
        if claimed != data.len() {
            return Err(format!(
                "claims {claimed} bytes of values but holds {}",
                data.len()
            ));
        }
        let order = header.order();
        let file = NpyFile::with_header(header, data);
        let broken = |e: io::Error| format!("cannot be read ({e})");
        let values = match kind.to_string().trim_start_matches(['<', '>', '|']) {
            "f4" => Values::F32(file.into_vec().map_err(broken)?),
            "f8" => Values::F64(file.into_vec().map_err(broken)?),
            "u4" => Values::U32(file.into_vec().map_err(broken)?),
            "u1" => Values::U8(file.into_vec().map_err(broken)?),
            "b1" => Values::Bool(file.into_vec().map_err(broken)?),
            // Strings of no characters take no bytes, so the bytes say nothing of how many there are.
            text if text.starts_with('U') && claimed > 0 => {
                Values::Text(file.into_vec().map_err(broken)?)
            }
            text if text.starts_with('U') && shape.contains(&0) => Values::Text(Vec::new()),
            other => return Err(format!("has the type {other}, which is not used here")),
        };
        let values = match order {
            Order::Fortran if shape.len() > 1 => match values {
                Values::F32(v) => Values::F32(row_major(&shape, &v)),
                Values::F64(v) => Values::F64(row_major(&shape, &v)),
                Values::U32(v) => Values::U32(row_major(&shape, &v)),
                Values::U8(v) => Values::U8(row_major(&shape, &v)),
                Values::Bool(v) => Values::Bool(row_major(&shape, &v)),
                Values::Text(v) => Values::Text(row_major(&shape, &v)),
            },
            _ => values,
        };
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        Ok(Self { shape, values })
    }
}

fn write<'a, T: npyz::Serialize + ?Sized + 'a>(
    out: &mut Vec<u8>,
    descr: &str,
    shape: &[u64],
    values: impl Iterator<Item = &'a T>,
) -> io::Result<()> {
    let kind = descr
        .parse()
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, format!("{e}")))?;
    let mut writer = WriteOptions::<T>::new()
        .dtype(DType::new_scalar(kind))
        .shape(shape)
        .writer(out)
        .begin_nd()?;
    for value in values {
        writer.push(value)?;
    }
    writer.finish()
}

/// The header is a Python expression of a length that the file gives; both are bounded before it is parsed.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    let short = || "is not a .npy file, or is cut short".to_string();
    if bytes.get(..6) != Some(b"\x93NUMPY") {
        return Err(short());
    }
    let (start, length) = match bytes.get(6).ok_or_else(short)? {
        1 => {
            let length = bytes.get(8..10).ok_or_else(short)?;
            (10, usize::from(u16::from_le_bytes([length[0], length[1]])))
        }
        _ => {
            let length = bytes.get(8..12).ok_or_else(short)?;
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
            (12, length as usize)
        }
    };
    if length > MAX_HEADER {
        return Err(format!("has a header of {length} bytes, which is too long"));
    }
    let header = bytes.get(start..start + length).ok_or_else(short)?;
    let brackets = header.iter().filter(|b| matches!(b, b'(' | b'[' | b'{'));
    if brackets.count() > MOST_BRACKETS {
        return Err(
            "is structured, or its header is nested too deeply; plain numbers are needed".into(),
        );
    }
    Ok(())
}

fn row_major<T: Clone>(shape: &[usize], column_major: &[T]) -> Vec<T> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    (0..column_major.len())
        .filter_map(|mut index| {
            let mut from = 0;
            for (&len, &stride) in shape.iter().zip(&strides).rev() {
                from += index % len * stride;
                index /= len;
            }
            column_major.get(from).cloned()
        })
        .collect()
}

/// Reads an array of float32 (or float64, which is rounded) from a `.npy` file.
///
/// # Errors
/// If the file cannot be read, is malformed or holds other values.
pub fn read_npy(path: &Path) -> Result<Array, ExperimentError> {
    let stored = read_stored(path)?;
    let data = match stored.values {
        Values::F32(v) => v,
        Values::F64(v) => v.into_iter().map(|x| x as f32).collect(),
        _ => return Err(unusable(path, "must hold float32 values")),
    };
    Array::new(stored.shape, data)
}

/// Reads an array of uint8 from a `.npy` file: its shape, and its values row-major.
///
/// # Errors
/// If the file cannot be read, is malformed or holds other values.
pub fn read_bytes_npy(path: &Path) -> Result<(Vec<usize>, Vec<u8>), ExperimentError> {
    let stored = read_stored(path)?;
    match stored.values {
        Values::U8(values) => Ok((stored.shape, values)),
        _ => Err(unusable(path, "must hold uint8 values")),
    }
}

fn unusable(path: &Path, what: &str) -> ExperimentError {
    ExperimentError::invalid(format!("The array {what}. Path: {}", path.display()))
}

fn read_stored(path: &Path) -> Result<Stored, ExperimentError> {
    let file_error = |source| ExperimentError::File {
        what: "read the array",
        path: path.to_path_buf(),
        source,
    };
    let file = OutsideFile::open(path).map_err(file_error)?;
    if file.length() > MAX_FILE {
        return Err(unusable(path, "is larger than 8 GiB"));
    }
    let bytes = file.read_to_end(MAX_FILE).map_err(file_error)?;
    Stored::from_bytes(&bytes).map_err(|what| unusable(path, &what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(stored: &Stored) {
        let bytes = stored.to_bytes().expect("writes");
        assert_eq!(Stored::from_bytes(&bytes).as_ref(), Ok(stored));
    }

    #[test]
    fn every_type_comes_back() {
        let shape = vec![2, 1];
        for values in [
            Values::F32(vec![1.5, -0.0]),
            Values::F64(vec![0.1, 1e300]),
            Values::U32(vec![0, u32::MAX]),
            Values::U8(vec![7, u8::MAX]),
            Values::Bool(vec![true, false]),
            Values::Text(vec![" Ångström".into(), String::new()]),
        ] {
            round_trip(&Stored {
                shape: shape.clone(),
                values,
            });
        }
        round_trip(&Stored::scalar_text("a {\"json\": 1}\nof two lines"));
        round_trip(&Stored::scalar(0.25));
        round_trip(&Stored {
            shape: vec![0, 3],
            values: Values::F32(vec![]),
        });
    }

    #[test]
    fn column_major_arrays_are_turned() {
        // numpy.save of numpy.asfortranarray([[1, 2, 3], [4, 5, 6]]) stores 1 4 2 5 3 6.
        let mut bytes = Stored {
            shape: vec![2, 3],
            values: Values::F32(vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
        }
        .to_bytes()
        .expect("writes");
        let at = bytes
            .windows(5)
            .position(|w| w == b"False")
            .expect("C order");
        bytes.splice(at..at + 5, *b"True ");
        let stored = Stored::from_bytes(&bytes).expect("reads");
        assert_eq!(
            stored.values,
            Values::F32(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        );
    }

    #[test]
    fn a_broken_file_is_refused_wherever_it_is_cut() {
        let bytes = Stored {
            shape: vec![2, 2],
            values: Values::F32(vec![0.0; 4]),
        }
        .to_bytes()
        .expect("writes");
        for end in 0..bytes.len() {
            assert!(Stored::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn claimed_sizes_are_not_believed() {
        for shape in [
            "(4611686018427387904, 4)",
            "(99999999999999999999,)",
            "(-1,)",
            "(1000000000,)",
        ] {
            let header =
                format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.extend([0; 16]);
            assert!(Stored::from_bytes(&bytes).is_err(), "{shape}");
        }
        let mut huge_header = b"\x93NUMPY\x02\x00".to_vec();
        huge_header.extend(u32::MAX.to_le_bytes());
        assert!(Stored::from_bytes(&huge_header).is_err());
    }

    /// Found by fuzzing: 40 brackets took longer than anybody waits.
    #[test]
    fn brackets_that_are_not_closed_take_no_time() {
        let began = std::time::Instant::now();
        for opened in ["(", "[", "{", "{'a': ", "[(", "(3,\t{"] {
            for times in [1, 2, 4, 6, 7, 8, 20, 64, 1000] {
                let shape = opened.repeat(times);
                let header =
                    format!("{{'descr': '<f2', 'fortran_order': True, 'shape': (3, {shape}");
                let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
                bytes.extend((header.len() as u16).to_le_bytes());
                bytes.extend(header.as_bytes());
                bytes.extend([0; 16]);
                assert!(Stored::from_bytes(&bytes).is_err(), "{header}");
            }
        }
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }
}
