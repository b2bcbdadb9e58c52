//! Named tables of 256 colours.

use std::{fmt, str::FromStr};

use crate::{Colour, PaintError, Theme};

/// A colour map. Its licence and source stand in `assets/colour-maps/README.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColourMap {
    #[default]
    Viridis,
    Magma,
    Cividis,
    /// Residual stream.
    Purples,
    /// MLP.
    Greens,
    /// Attention.
    Reds,
    /// Signed effects: blue below the centre, red above; colour-blind safe.
    BlueRed,
    /// Signed effects as the papers that used matplotlib's `seismic` show them.
    Seismic,
}

type Table = [Colour; 256];

impl ColourMap {
    pub const ALL: [ColourMap; 8] = [
        ColourMap::Viridis,
        ColourMap::Magma,
        ColourMap::Cividis,
        ColourMap::Purples,
        ColourMap::Greens,
        ColourMap::Reds,
        ColourMap::BlueRed,
        ColourMap::Seismic,
    ];

    /// The name used on the command line, in files and in the window.
    pub fn name(self) -> &'static str {
        match self {
            ColourMap::Viridis => "viridis",
            ColourMap::Magma => "magma",
            ColourMap::Cividis => "cividis",
            ColourMap::Purples => "purples",
            ColourMap::Greens => "greens",
            ColourMap::Reds => "reds",
            ColourMap::BlueRed => "blue-red",
            ColourMap::Seismic => "seismic",
        }
    }

    /// All names, separated by commas.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whether the map has a middle that stands for no effect.
    pub fn is_diverging(self) -> bool {
        matches!(self, ColourMap::BlueRed | ColourMap::Seismic)
    }

    /// The colours from the low end to the high end.
    ///
    /// Purples, greens, reds and blue-red follow the theme: what is zero has the colour of the dark panel or white.
    /// The others are the same in both, as published.
    pub fn table(self, theme: Theme) -> &'static Table {
        match (self, theme) {
            (ColourMap::Viridis, _) => &VIRIDIS,
            (ColourMap::Magma, _) => &MAGMA,
            (ColourMap::Cividis, _) => &CIVIDIS,
            (ColourMap::Seismic, _) => &SEISMIC,
            (ColourMap::Purples, Theme::Dark) => &PURPLES_DARK,
            (ColourMap::Purples, Theme::Light) => &PURPLES_LIGHT,
            (ColourMap::Greens, Theme::Dark) => &GREENS_DARK,
            (ColourMap::Greens, Theme::Light) => &GREENS_LIGHT,
            (ColourMap::Reds, Theme::Dark) => &REDS_DARK,
            (ColourMap::Reds, Theme::Light) => &REDS_LIGHT,
            (ColourMap::BlueRed, Theme::Dark) => &BLUE_RED_DARK,
            (ColourMap::BlueRed, Theme::Light) => &BLUE_RED_LIGHT,
        }
    }
}

impl fmt::Display for ColourMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ColourMap {
    type Err = PaintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        Self::ALL
            .into_iter()
            .find(|m| m.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| PaintError::UnknownColourMap(text.to_string()))
    }
}

macro_rules! table {
    ($name:ident, $file:literal) => {
        static $name: Table = parse(include_bytes!(concat!(
            "../../../assets/colour-maps/",
            $file,
            ".csv"
        )));
    };
}

table!(VIRIDIS, "viridis");
table!(MAGMA, "magma");
table!(CIVIDIS, "cividis");
table!(SEISMIC, "seismic");
table!(PURPLES_DARK, "purples-dark");
table!(PURPLES_LIGHT, "purples-light");
table!(GREENS_DARK, "greens-dark");
table!(GREENS_LIGHT, "greens-light");
table!(REDS_DARK, "reds-dark");
table!(REDS_LIGHT, "reds-light");
table!(BLUE_RED_DARK, "blue-red-dark");
table!(BLUE_RED_LIGHT, "blue-red-light");

/// Reads 256 lines of `red,green,blue` while compiling; a file of another form does not compile.
const fn parse(csv: &[u8]) -> Table {
    let mut table = [[0, 0, 0, 255]; 256];
    let (mut row, mut channel, mut i) = (0, 0, 0);
    while i < csv.len() {
        match csv[i] {
            digit @ b'0'..=b'9' => table[row][channel] = table[row][channel] * 10 + (digit - b'0'),
            b',' => channel += 1,
            b'\n' => {
                assert!(channel == 2, "a line needs three numbers");
                row += 1;
                channel = 0;
            }
            _ => panic!("only digits, commas and line ends"),
        }
        i += 1;
    }
    assert!(row == 256, "a colour map has 256 lines");
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell_text::luminance;

    #[test]
    fn published_tables_have_their_published_ends() {
        // matplotlib._cm_listed, times 255.
        assert_eq!(VIRIDIS[0], [68, 1, 84, 255]);
        assert_eq!(VIRIDIS[255], [253, 231, 37, 255]);
        assert_eq!(MAGMA[0], [0, 0, 4, 255]);
        assert_eq!(SEISMIC[0], [0, 0, 76, 255]);
    }

    #[test]
    fn sequential_maps_change_lightness_one_way_from_the_panel() {
        for map in [ColourMap::Purples, ColourMap::Greens, ColourMap::Reds] {
            for theme in [Theme::Dark, Theme::Light] {
                let table = map.table(theme);
                assert_eq!(table[0], theme.panel(), "{map} {theme:?}");
                for pair in table.windows(2) {
                    let step = luminance(pair[1]) - luminance(pair[0]);
                    let step = if theme == Theme::Dark { step } else { -step };
                    assert!(step > -2e-3, "{map} {theme:?} {pair:?}");
                }
            }
        }
    }

    #[test]
    fn diverging_maps_have_a_neutral_middle() {
        for theme in [Theme::Dark, Theme::Light] {
            let table = ColourMap::BlueRed.table(theme);
            assert_eq!(table[127], theme.panel());
            assert_eq!(table[128], theme.panel());
        }
    }

    #[test]
    fn names_parse_back() {
        for map in ColourMap::ALL {
            assert_eq!(map.name().parse::<ColourMap>(), Ok(map));
        }
        let message = "jet"
            .parse::<ColourMap>()
            .expect_err("not a map")
            .to_string();
        assert!(
            message.contains("jet") && message.contains("viridis"),
            "{message}"
        );
    }
}
