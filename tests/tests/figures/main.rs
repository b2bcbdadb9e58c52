//! Figures on paper: their words, sizes and numbers in every format, and the origin inside them.

mod beside_tables;
mod colours;
mod made;
mod numbers;
mod origin;
mod other_programs;
mod page;
mod paper;
mod pdf_reader;
mod read_back;
mod svg_reader;
mod words;
