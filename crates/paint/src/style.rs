//! How a value becomes a colour.

use crate::{Colour, ColourMap, Theme, looks};

/// What one pixel shows of many cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// The mean of the values: honest about density, but dims single cells.
    Mean,
    /// The value of the largest magnitude: no single hot cell is lost.
    #[default]
    MaxAbs,
}

impl Reduction {
    /// As said in a legend.
    pub fn words(self) -> &'static str {
        match self {
            Reduction::Mean => "mean within pixel",
            Reduction::MaxAbs => "max within pixel",
        }
    }
}

/// Range, colour map and the rest of the transfer from values to colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapStyle {
    pub map: ColourMap,
    pub theme: Theme,
    /// The value of the map's first colour.
    pub low: f32,
    /// The value of the map's last colour; above `low`.
    pub high: f32,
    /// The value of the map's middle colour. The range is then made symmetric about it, so that equal steps of colour
    /// are equal steps of value on both sides.
    pub centre: Option<f32>,
    /// Above 0; below 1 lifts small values, above 1 presses them down. With a centre, on both sides of it.
    pub gamma: f32,
    pub reduction: Reduction,
    /// Last colour first.
    pub flip: bool,
    /// Laid over a picture: the less a value says, the more of the picture shows through it.
    pub over_picture: bool,
}

/// Most that a colour over a picture covers, 0 to 255.
const COVER: f64 = 232.0;

impl MapStyle {
    /// A plain map from `low` to `high`.
    pub fn sequential(map: ColourMap, theme: Theme, low: f32, high: f32) -> Self {
        Self {
            map,
            theme,
            low,
            high,
            centre: None,
            gamma: 1.0,
            reduction: Reduction::MaxAbs,
            flip: false,
            over_picture: false,
        }
    }

    /// Signed effects, `-extent` to `extent`, with zero in the middle.
    pub fn signed(map: ColourMap, theme: Theme, extent: f32) -> Self {
        Self {
            centre: Some(0.0),
            reduction: Reduction::Mean,
            ..Self::sequential(map, theme, -extent, extent)
        }
    }

    /// The values at the first and the last colour, after making them symmetric about the centre.
    pub fn ends(&self) -> (f32, f32) {
        match self.centre {
            None => (self.low, self.high),
            Some(c) => {
                let extent = (self.high - c).max(c - self.low);
                (c - extent, c + extent)
            }
        }
    }

    /// The map's colours, first to last, after `flip`. Opaque, unless they lie over a picture.
    ///
    /// Over a picture the colours are those of the light theme, whatever the theme: a middle that is white tints the
    /// picture, a dark one would only darken it.
    pub fn colours(&self) -> [Colour; 256] {
        let theme = if self.over_picture {
            Theme::Light
        } else {
            self.theme
        };
        let mut colours = *self.map.table(theme);
        if self.flip {
            colours.reverse();
        }
        if self.over_picture {
            for (i, colour) in colours.iter_mut().enumerate() {
                colour[3] = self.cover(i as f64 / 255.0);
            }
        }
        colours
    }

    /// Ground and dot of a cell not measured yet.
    pub(crate) fn not_measured(&self) -> [Colour; 2] {
        if self.over_picture {
            looks::not_measured_over_picture(self.theme)
        } else {
            looks::not_measured(self.theme)
        }
    }

    /// How much the colour at `t`, 0 to 1, covers of a picture: nothing where a value says nothing, and soon most.
    fn cover(&self, t: f64) -> u8 {
        let says = if self.centre.is_some() {
            // Two colours share the middle.
            ((2.0 * t - 1.0).abs() - 1.0 / 255.0).max(0.0)
        } else {
            t
        };
        (COVER * (1.0 - (1.0 - says).powi(3))).round() as u8
    }

    /// `cuts[i]` is the least value that gets colour `i + 1`.
    ///
    /// The transfer `round(255 ((v - low) / (high - low))^gamma)` is inverted once here; a value is then coloured by
    /// comparisons alone, which are exact on every GPU where division and powers are not. Ascending. In an empty range
    /// `low` gets the first colour (a centre the middle one), what is above it the last.
    pub fn cuts(&self) -> [f32; 255] {
        let gamma = f64::from(self.gamma);
        let exponent = if gamma > 0.0 { 1.0 / gamma } else { 1.0 };
        let (low, high) = self.ends();
        let empty = high.partial_cmp(&low) != Some(std::cmp::Ordering::Greater);
        std::array::from_fn(|i| {
            let t = (i as f64 + 0.5) / 255.0;
            match self.centre {
                Some(c) if empty => {
                    if i < 128 {
                        c
                    } else {
                        c.next_up()
                    }
                }
                None if empty => low.next_up(),
                Some(c) => {
                    let side = 2.0 * t - 1.0;
                    let reach = side.signum() * side.abs().powf(exponent);
                    (f64::from(c) + reach * f64::from(high - c)) as f32
                }
                None => {
                    (f64::from(low) + t.powf(exponent) * (f64::from(high) - f64::from(low))) as f32
                }
            }
        })
    }
}

/// The colour of one value; that of a cell that is not finite for NaN and infinities.
pub fn colour_of(value: f32, style: &MapStyle) -> Colour {
    if !value.is_finite() {
        return looks::not_finite(style.theme)[0];
    }
    let index = style.cuts().partition_point(|&cut| cut <= value);
    style.colours()[index]
}

/// `n` colours from [`MapStyle::ends`]'s first value to its last in equal steps of value: a colour bar.
pub fn gradient_strip(style: &MapStyle, n: usize) -> Vec<Colour> {
    let (low, high) = style.ends();
    let (cuts, colours) = (style.cuts(), style.colours());
    (0..n)
        .map(|i| {
            let t = (i as f32 + 0.5) / n as f32;
            let value = low + t * (high - low);
            colours[cuts.partition_point(|&cut| cut <= value)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_invert_the_transfer() {
        for (gamma, low, high) in [
            (1.0f32, 0.0f32, 1.0f32),
            (0.5, -2.0, 7.0),
            (2.2, 0.04, 0.93),
        ] {
            let style = MapStyle {
                gamma,
                ..MapStyle::sequential(ColourMap::Viridis, Theme::Dark, low, high)
            };
            let cuts = style.cuts();
            assert!(cuts.is_sorted());
            for step in 0..=1000 {
                let v = low + (high - low) * step as f32 / 1000.0;
                let t = f64::from((v - low) / (high - low)).powf(f64::from(gamma)) * 255.0;
                let index = cuts.partition_point(|&c| c <= v) as f64;
                assert!((t - index).abs() <= 0.5 + 1e-3, "{v}: {t} {index}");
            }
        }
    }

    #[test]
    fn ends_and_beyond_take_the_end_colours() {
        let style = MapStyle::sequential(ColourMap::Magma, Theme::Dark, 0.1, 0.9);
        let table = ColourMap::Magma.table(Theme::Dark);
        for (v, colour) in [
            (0.1, table[0]),
            (-5.0, table[0]),
            (0.9, table[255]),
            (1e9, table[255]),
        ] {
            assert_eq!(colour_of(v, &style), colour);
        }
        let flipped = MapStyle {
            flip: true,
            ..style
        };
        assert_eq!(colour_of(0.1, &flipped), table[255]);
    }

    #[test]
    fn the_centre_is_neutral_and_the_sides_are_mirror_images() {
        let style = MapStyle {
            low: -1.0,
            high: 4.0,
            gamma: 0.7,
            ..MapStyle::signed(ColourMap::BlueRed, Theme::Light, 1.0)
        };
        assert_eq!(style.ends(), (-4.0, 4.0));
        assert_eq!(colour_of(0.0, &style), [255, 255, 255, 255]);
        let cuts = style.cuts();
        for i in 0..127 {
            assert!((cuts[i] + cuts[254 - i]).abs() < 1e-6);
        }
    }

    #[test]
    fn an_empty_range_does_not_shout() {
        let style = MapStyle::sequential(ColourMap::Viridis, Theme::Dark, 0.5, 0.5);
        let table = ColourMap::Viridis.table(Theme::Dark);
        assert_eq!(colour_of(0.5, &style), table[0]);
        assert_eq!(colour_of(0.6, &style), table[255]);
        let signed = MapStyle::signed(ColourMap::BlueRed, Theme::Dark, 0.0);
        assert_eq!(colour_of(0.0, &signed), Theme::Dark.panel());
    }

    #[test]
    fn values_that_are_not_finite_never_look_like_a_value() {
        for map in ColourMap::ALL {
            for theme in [Theme::Dark, Theme::Light] {
                let style = MapStyle::sequential(map, theme, 0.0, 1.0);
                for v in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    assert!(!style.colours().contains(&colour_of(v, &style)), "{map}");
                }
            }
        }
    }

    #[test]
    fn over_a_picture_zero_is_clear_and_effects_cover() {
        let style = MapStyle {
            over_picture: true,
            ..MapStyle::signed(ColourMap::BlueRed, Theme::Dark, 2.0)
        };
        assert_eq!(colour_of(0.0, &style)[3], 0);
        let [small, half, full] = [0.2, 1.0, 2.0].map(|v| colour_of(v, &style)[3]);
        assert!(small < half && half < full && half > 180 && full > 225);
        assert_eq!(colour_of(-1.0, &style)[3], half);
    }

    #[test]
    fn a_strip_runs_from_end_to_end() {
        let style = MapStyle::sequential(ColourMap::Viridis, Theme::Dark, 3.0, 5.0);
        let strip = gradient_strip(&style, 512);
        assert_eq!(strip.len(), 512);
        assert_eq!(strip[0], style.colours()[0]);
        assert_eq!(strip[511], style.colours()[255]);
        assert!(gradient_strip(&style, 0).is_empty());
    }
}
