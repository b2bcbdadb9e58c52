//! Restoration networks that are part of the program.

/// A bundled network.
#[derive(Clone, Copy, Debug)]
pub struct NetworkDemo {
    /// After `demo:`.
    pub name: &'static str,
    /// A safetensors file.
    pub weights: &'static [u8],
}

/// `assets/models/restoration/NAME.safetensors`.
macro_rules! demo {
    ($name:literal) => {
        NetworkDemo {
            name: $name,
            weights: include_bytes!(concat!(
                "../../../../assets/models/restoration/",
                $name,
                ".safetensors"
            )),
        }
    };
}

/// Every bundled network; a new one is a line here.
pub const NETWORK_DEMOS: &[NetworkDemo] = &[
    demo!("sr-local"),
    demo!("sr-channel"),
    demo!("sr-window"),
    demo!("denoise"),
];
