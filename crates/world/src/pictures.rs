//! Pictures that nobody photographed: what the bundled restoration networks learn from, and what they are tried on.
//!
//! [`leaves`] draws dead leaves, endlessly, for training. [`scene`] draws a few things one could have photographed;
//! no network sees them in training. Both depend on a seed and a number alone.

pub mod bank;
pub mod blur;
pub mod bundled;
pub mod canvas;
pub mod colour;
pub mod layer;
pub mod leaves;
pub mod noise;
pub mod scene;
pub mod shape;
pub mod spectrum;
pub mod texture;

pub use canvas::Canvas;
pub use whyfinder_experiment::picture::Picture;
