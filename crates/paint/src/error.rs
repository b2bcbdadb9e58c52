//! What can go wrong while painting.

/// An error whose message is a whole sentence.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PaintError {
    #[error("A map of {shape} cells needs {expected} {what}, but {given} were given.")]
    WrongLength {
        shape: String,
        what: &'static str,
        expected: usize,
        given: usize,
    },
    #[error("A map of {shape} cells is too large to address; reduce it first.")]
    TooManyCells { shape: String },
    #[error(
        "The map needs {needed} bytes in one GPU buffer, but this GPU allows {allowed}; reduce the map, or draw it \
         with the CPU painter."
    )]
    TooLarge { needed: u64, allowed: u64 },
    #[error("Field {name} has axes {axes}, but a map needs {needed}.")]
    NotAMap {
        name: String,
        axes: String,
        needed: &'static str,
    },
    #[error(
        "Field {name} has {given} maps of {shape}, but the others of the atlas have {expected}."
    )]
    Uneven {
        name: String,
        given: usize,
        shape: String,
        expected: String,
    },
    #[error("An atlas needs at least one field, but none was given.")]
    EmptyAtlas,
    #[error(
        "Maps are drawn into targets that take sRGB bytes as they are, but this one is {format}, which converts them; \
         choose its non-sRGB twin."
    )]
    ConvertingTarget { format: String },
    #[error("The map was changed to {given}, but it was uploaded as {expected}; upload it again.")]
    ShapeChanged { given: String, expected: String },
    #[error(
        "This GPU driver lets shaders read fewer than four storage buffers; draw with the CPU painter, or use a Vulkan \
         driver."
    )]
    NoStorageBuffers,
    #[error("The record of attention has no head {head}.")]
    NoSuchHead { head: usize },
    #[error("Shader {name} does not compile: {reason}")]
    Shader { name: &'static str, reason: String },
    #[error("The picture could not be read back from the GPU: {reason}.")]
    ReadBack { reason: String },
    #[error("{0} is not a colour map; choose one of {names}.", names = crate::ColourMap::names())]
    UnknownColourMap(String),
}
