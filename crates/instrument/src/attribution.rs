//! How much of a number of the output each pixel of the input accounts for: what the instruments that go down
//! gradients share.

pub(crate) mod asked;
pub(crate) mod blur;
pub(crate) mod concentration;
pub(crate) mod curves;
pub(crate) mod density;
pub(crate) mod fourier;
pub(crate) mod integral;
#[cfg(test)]
pub(crate) mod laws;
pub(crate) mod masks;
pub(crate) mod path;
pub(crate) mod pixels;
pub(crate) mod reading;
