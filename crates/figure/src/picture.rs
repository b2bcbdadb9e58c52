//! Fields of pixels as pictures.

use whyfinder_experiment::Field;
use whyfinder_paint::{Colour, Image};

/// A field over [y, x, channel], values in 0..=1, as a picture; `None` for other fields.
pub(crate) fn of_field(field: &Field) -> Option<Image> {
    let [height, width, channels] = field.shape()[..] else {
        return None;
    };
    if !matches!(channels, 1 | 3) || height * width == 0 {
        return None;
    }
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    let pixels = field
        .values
        .chunks_exact(channels)
        .map(|pixel| match *pixel {
            [r, g, b] => [byte(r), byte(g), byte(b), 255],
            _ => {
                let grey = byte(pixel.first().copied().unwrap_or(0.0));
                [grey, grey, grey, 255]
            }
        })
        .collect();
    Some(Image {
        width: u32::try_from(width).ok()?,
        height: u32::try_from(height).ok()?,
        pixels,
    })
}

/// Each pixel repeated until the picture has this size, which is a multiple of its own.
pub(crate) fn enlarged(picture: &Image, width: u32, height: u32) -> Image {
    let place =
        |i: u32, from: u32, to: u32| (u64::from(i) * u64::from(from) / u64::from(to)) as u32;
    let pixels = (0..height)
        .flat_map(|y| {
            let row = place(y, picture.height, height);
            (0..width).map(move |x| picture.at(place(x, picture.width, width), row))
        })
        .collect();
    Image {
        width,
        height,
        pixels,
    }
}

/// A picture as a pale ground for a map: most of its colour taken away, and never dark.
pub(crate) fn paled(picture: &Image) -> Image {
    let pixels = picture
        .pixels
        .iter()
        .map(|&pixel| {
            let pale = (150.0 + brightness(pixel) * 0.38) as u8;
            mixed([pale, pale, pale, 255], pixel, 0.75)
        })
        .collect();
    Image {
        width: picture.width,
        height: picture.height,
        pixels,
    }
}

/// Brightness of a colour, 0..=255, after ITU-R BT.601.
pub(crate) fn brightness(colour: Colour) -> f32 {
    let [r, g, b, _] = colour.map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

/// `share` of the first over the rest of the second.
pub(crate) fn mixed(over: Colour, under: Colour, share: f32) -> Colour {
    let mix = |a: u8, b: u8| (f32::from(a) * share + f32::from(b) * (1.0 - share)).round() as u8;
    [
        mix(over[0], under[0]),
        mix(over[1], under[1]),
        mix(over[2], under[2]),
        255,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use whyfinder_experiment::Axis;

    #[test]
    fn pictures_keep_their_colours_when_they_are_enlarged() {
        let axes = vec![
            Axis::numbered("y", 1),
            Axis::numbered("x", 2),
            Axis::numbered("channel", 3),
        ];
        let values = vec![0.0, 0.5, 1.0, 2.0, -1.0, 0.2];
        let field = Field::measured("output", axes, values).expect("six values");
        let picture = of_field(&field).expect("a picture");
        assert_eq!(picture.pixels, [[0, 128, 255, 255], [255, 0, 51, 255]]);
        let large = enlarged(&picture, 4, 2);
        assert_eq!(large.at(1, 1), picture.at(0, 0));
        assert_eq!(large.at(2, 0), picture.at(1, 0));
        assert_eq!(
            mixed([200, 0, 0, 255], [0, 100, 0, 255], 0.5),
            [100, 50, 0, 255]
        );
    }
}
