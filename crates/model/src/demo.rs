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
    pub parity: Option<&'static [u8]>,
}

/// Files of `assets/models/NAME`; the last argument is present where the folder has a `parity.json`.
#[allow(unused_macros)]
macro_rules! demo {
    ($name:literal) => {
        demo!($name, None)
    };
    ($name:literal, with_parity) => {
        demo!(
            $name,
            Some(include_bytes!(concat!(
                "../../../assets/models/",
                $name,
                "/parity.json"
            )))
        )
    };
    ($name:literal, $parity:expr) => {
        Demo {
            name: $name,
            config: include_bytes!(concat!("../../../assets/models/", $name, "/config.json")),
            tokenizer: include_bytes!(concat!("../../../assets/models/", $name, "/tokenizer.json")),
            weights: include_bytes!(concat!(
                "../../../assets/models/",
                $name,
                "/model.safetensors"
            )),
            parity: $parity,
        }
    };
}

/// Every bundled model. A new one is a line here: `demo!("name", with_parity),`.
pub const DEMOS: &[Demo] = &[];

/// The bundled model of that name (without `demo:`).
pub fn demo(name: &str) -> Option<&'static Demo> {
    DEMOS.iter().find(|demo| demo.name == name)
}
