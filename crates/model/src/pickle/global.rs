//! The names that a pickle may use; each stands for plain data here, and none is looked up anywhere.

use crate::element_type::ElementType;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Global {
    /// A dictionary.
    OrderedDict,
    /// A tensor from a storage, an offset, sizes and strides.
    RebuildTensor,
    /// A tensor that was trained.
    RebuildParameter,
    /// A kind of storage.
    Storage(ElementType),
    /// A tuple.
    Size,
    /// A type of numbers, as a value.
    Dtype,
}

impl Global {
    /// `None` for every name that is not listed.
    pub(super) fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections" | "typing", "OrderedDict") => Global::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Global::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
            ("torch", "Size") => Global::Size,
            ("torch", storage) if storage.ends_with("Storage") => {
                Global::Storage(storage_element(storage)?)
            }
            (
                "torch",
                "float64" | "float32" | "float16" | "bfloat16" | "int64" | "int32" | "int16"
                | "int8" | "uint8" | "bool",
            ) => Global::Dtype,
            _ => return None,
        })
    }
}

fn storage_element(storage: &str) -> Option<ElementType> {
    Some(match storage {
        "DoubleStorage" => ElementType::F64,
        "FloatStorage" => ElementType::F32,
        "HalfStorage" => ElementType::F16,
        "BFloat16Storage" => ElementType::Bf16,
        "LongStorage" => ElementType::I64,
        "IntStorage" => ElementType::I32,
        "ShortStorage" => ElementType::I16,
        "CharStorage" => ElementType::I8,
        "ByteStorage" => ElementType::U8,
        "BoolStorage" => ElementType::Bool,
        _ => return None,
    })
}
