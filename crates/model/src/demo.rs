//! Models that are part of the program.

/// A bundled model: the files of its folder.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    /// After `demo:`.
    pub name: &'static str,
    pub config: &'static [u8],
    pub tokenizer: &'static [u8],
    pub weights: &'static [u8],
    /// Reference logits for the parity badge.
    pub parity: &'static [u8],
}

/// The files of `assets/models/NAME`.
macro_rules! demo {
    ($name:literal) => {
        Demo {
            name: $name,
            config: include_bytes!(concat!("../../../assets/models/", $name, "/config.json")),
            tokenizer: include_bytes!(concat!("../../../assets/models/", $name, "/tokenizer.json")),
            weights: include_bytes!(concat!(
                "../../../assets/models/",
                $name,
                "/model.safetensors"
            )),
            parity: include_bytes!(concat!("../../../assets/models/", $name, "/parity.json")),
        }
    };
}

/// Every bundled model; a new one is a line here. Whoever changes a model's weights writes its `parity.json` anew with
/// `tests/fixtures/make_parity_badge.py`.
pub const DEMOS: &[Demo] = &[demo!("isles")];

/// The bundled model of that name (without `demo:`).
pub fn demo(name: &str) -> Option<&'static Demo> {
    DEMOS.iter().find(|demo| demo.name == name)
}
