//! Figures on paper: their words, sizes and numbers in every format, and the origin inside them.

mod made;
mod numbers;
mod origin;
mod other_programs;
mod paper;
mod pdf_reader;
mod svg_reader;
mod words;
