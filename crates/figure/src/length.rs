//! Lengths on paper.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::FigureError;

/// A length on paper, kept in points of 1/72 inch.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length {
    points: f32,
}

const POINTS_PER_CM: f32 = 72.0 / 2.54;

impl Length {
    /// One column of a page with two: 8.4 cm.
    pub const SINGLE: Length = Length::cm(8.4);
    /// Both columns: 17.4 cm.
    pub const DOUBLE: Length = Length::cm(17.4);
    const LEAST: f32 = 2.0 * POINTS_PER_CM;
    const MOST: f32 = 100.0 * POINTS_PER_CM;

    pub const fn cm(cm: f32) -> Self {
        Self {
            points: cm * POINTS_PER_CM,
        }
    }

    pub fn points(self) -> f32 {
        self.points
    }

    pub fn in_cm(self) -> f32 {
        self.points / POINTS_PER_CM
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}cm", (self.in_cm() * 1000.0).round() / 1000.0)
    }
}

impl FromStr for Length {
    type Err = FigureError;

    /// `8.4cm`, `84mm`, `3.5in`, `238pt`, `single` or `double`; from 2 cm to 1 m.
    fn from_str(text: &str) -> Result<Self, FigureError> {
        let text = text.trim();
        match text {
            "single" => return Ok(Self::SINGLE),
            "double" => return Ok(Self::DOUBLE),
            _ => {}
        }
        let wrong = || {
            FigureError::Asked(format!(
                "\"{text}\" is no width; write one such as 8.4cm, 84mm, 3.5in or 238pt, or single or double"
            ))
        };
        let units = [
            ("cm", POINTS_PER_CM),
            ("mm", POINTS_PER_CM / 10.0),
            ("in", 72.0),
            ("pt", 1.0),
        ];
        let (number, points) = units
            .iter()
            .find_map(|(unit, points)| Some((text.strip_suffix(unit)?, points)))
            .ok_or_else(wrong)?;
        let number: f32 = number.trim().parse().map_err(|_| wrong())?;
        let points = number * points;
        if !(Self::LEAST..=Self::MOST).contains(&points) {
            return Err(FigureError::Asked(format!(
                "A figure can be 2 cm to 1 m wide, not {text}"
            )));
        }
        Ok(Self { points })
    }
}

impl TryFrom<String> for Length {
    type Error = FigureError;

    fn try_from(text: String) -> Result<Self, FigureError> {
        text.parse()
    }
}

impl From<Length> for String {
    fn from(length: Length) -> Self {
        length.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_their_units() {
        for text in ["8.4cm", "84mm", "single"] {
            let length: Length = text.parse().expect("a length");
            assert!((length.in_cm() - 8.4).abs() < 1e-4, "{text}");
        }
        let inches: Length = "3.5in".parse().expect("a length");
        assert_eq!(inches.points(), 252.0);
        assert_eq!(Length::DOUBLE.to_string(), "17.4cm");
        for bad in ["", "8.4", "wide", "1mm", "2m", "NaNcm", "infcm", "-3cm"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }
}
