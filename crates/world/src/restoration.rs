//! The bundled restoration networks: how they are built, what they are shown, and how they are trained and tried.
//!
//! All four see dead leaves only ([`crate::pictures::leaves`]); no photograph is involved.

pub mod architecture;
pub mod average;
pub mod crops;
pub mod deepen;
pub mod degrade;
pub mod fit;
pub mod plant;
pub mod publish;
pub mod score;

pub use architecture::Demo;
