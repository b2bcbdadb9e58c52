//! Whyfinder's window and command line.
//!
//! The only room that knows all the others. It must never know how an instrument works: it sends experiments to the
//! worker and draws the fields that come back.

pub mod command_line;
mod in_the_way;
pub mod maps;
mod missing_model;
mod python_script;
pub mod window;
