//! Pictures that come with the program.

use crate::ExperimentError;

/// A picture in the program: `picture:NAME`.
#[derive(Clone, Copy, Debug)]
pub struct BundledPicture {
    pub name: &'static str,
    /// A whole PNG file.
    pub bytes: &'static [u8],
}

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        &[$(BundledPicture {
            name: $name,
            bytes: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../assets/pictures/", $name, ".png"
            )),
        }),*]
    };
}

/// All of them, in the order they are listed.
pub const PICTURES: &[BundledPicture] = bundled![
    "towers", "market", "bricks", "letters", "weave", "tree", "hills", "spheres", "leaves-1",
    "leaves-2", "leaves-3", "leaves-4", "leaves-5", "leaves-6", "leaves-7", "leaves-8",
];

/// The bundled picture of that name, without `picture:`.
///
/// # Errors
/// A sentence that lists the names there are.
pub fn find(name: &str) -> Result<&'static BundledPicture, ExperimentError> {
    PICTURES
        .iter()
        .find(|picture| picture.name == name)
        .ok_or_else(|| {
            let names: Vec<String> = PICTURES
                .iter()
                .map(|picture| format!("picture:{}", picture.name))
                .collect();
            ExperimentError::invalid(format!(
                "There is no bundled picture \"{name}\"; there are {}, and any file can be named by its path.",
                names.join(", ")
            ))
        })
}
