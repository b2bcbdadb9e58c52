//! The formats that a figure can be written in, told by the file's ending.

use std::path::Path;

use crate::{Figure, FigureError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Svg,
    Pdf,
    Png,
    /// PGFPlots, a LaTeX document of one page.
    Tex,
    Csv,
    Npz,
    /// A LaTeX table of the numbers.
    Table,
}

impl Format {
    pub const ALL: [Format; 7] = [
        Format::Svg,
        Format::Pdf,
        Format::Png,
        Format::Tex,
        Format::Csv,
        Format::Npz,
        Format::Table,
    ];

    /// How files of this format end, without the first dot.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Pdf => "pdf",
            Format::Png => "png",
            Format::Tex => "tex",
            Format::Csv => "csv",
            Format::Npz => "npz",
            Format::Table => "table.tex",
        }
    }

    /// What a person chooses it for.
    pub fn words(self) -> &'static str {
        match self {
            Format::Svg => "SVG",
            Format::Pdf => "PDF",
            Format::Png => "PNG",
            Format::Tex => "PGFPlots",
            Format::Csv => "CSV",
            Format::Npz => "NPZ",
            Format::Table => "LaTeX table",
        }
    }

    /// # Errors
    /// If the ending names none.
    pub fn of(path: &Path) -> Result<Self, FigureError> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        Self::ALL
            .into_iter()
            .rev()
            .find(|format| name.ends_with(&format!(".{}", format.ending())))
            .ok_or_else(|| {
                let endings: Vec<&str> = Self::ALL.iter().map(|f| f.ending()).collect();
                FigureError::Asked(format!(
                    "The file's ending says how a figure is written: {}. Given: {}",
                    endings.join(", "),
                    path.display()
                ))
            })
    }
}

impl Figure {
    /// The whole file. `dpi` matters to PNG only.
    ///
    /// # Errors
    /// As that of the format.
    pub fn bytes(&self, format: Format, dpi: f32) -> Result<Vec<u8>, FigureError> {
        Ok(match format {
            Format::Svg => self.svg()?.into_bytes(),
            Format::Pdf => self.pdf()?,
            Format::Png => self.png(dpi)?,
            Format::Tex => self.pgfplots()?.into_bytes(),
            Format::Csv => self.csv().into_bytes(),
            Format::Npz => self.npz()?,
            Format::Table => self.latex_table().into_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_name_formats() {
        for (path, format) in [
            ("a/b.SVG", Format::Svg),
            ("b.tex", Format::Tex),
            ("b.table.tex", Format::Table),
            ("b.c.pdf", Format::Pdf),
        ] {
            assert_eq!(Format::of(Path::new(path)).ok(), Some(format), "{path}");
        }
        for bad in ["b", "b.jpg", "pdf", ""] {
            assert!(Format::of(Path::new(bad)).is_err(), "{bad}");
        }
    }
}
