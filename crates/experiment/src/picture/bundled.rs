//! Pictures that come with the program.

use crate::ExperimentError;

/// A picture in the program: `picture:NAME`.
#[derive(Clone, Copy, Debug)]
pub struct BundledPicture {
    pub name: &'static str,
    /// A whole PNG file.
    pub bytes: &'static [u8],
}

/// All of them, in the order they are listed.
pub const PICTURES: &[BundledPicture] = &[];

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
            let there = match names.as_slice() {
                [] => "there are none".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            ExperimentError::invalid(format!(
                "There is no bundled picture \"{name}\"; {there}, and any file can be named by its path."
            ))
        })
}
