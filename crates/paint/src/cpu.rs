//! The painter without a GPU: the twin of `shaders/heatmap.wgsl`, pixel for pixel.

use crate::{
    Colour, MapArray, MapStyle, Pyramid, Reduction, Theme, View,
    axis::{AxisPixel, Spread},
    looks::{self, Pattern},
    pyramid::{Reduced, within},
};

/// A picture of sRGB bytes, row-major from the top left corner. Alpha is not multiplied into the colours; it is 0 or
/// 255 unless the style lies over a picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<Colour>,
}

impl Image {
    /// The colour at a pixel; blank outside.
    pub fn at(&self, x: u32, y: u32) -> Colour {
        let index = y as usize * self.width as usize + x as usize;
        match self.pixels.get(index) {
            Some(&colour) if x < self.width => colour,
            _ => looks::BLANK,
        }
    }

    /// Red, green, blue, alpha of one pixel after the other.
    pub fn bytes(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    /// Lays the picture over a ground: no pixel stays transparent.
    #[must_use]
    pub fn over(mut self, ground: Colour) -> Self {
        for pixel in &mut self.pixels {
            if pixel[3] == 0 {
                *pixel = ground;
            }
        }
        self
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({} x {})", self.width, self.height)
    }
}

/// Draws the view's rectangle; what the GPU leaves untouched is transparent black here.
pub fn draw(map: &MapArray, view: &View, style: &MapStyle) -> Image {
    let spread = view.spread(map.shape());
    draw_spread(
        map,
        &Pyramid::up_to(map, spread.level),
        view,
        style,
        &spread,
    )
}

/// As [`draw`], with a pyramid made before (all levels: [`Pyramid::new`]).
pub fn draw_with(map: &MapArray, pyramid: &Pyramid, view: &View, style: &MapStyle) -> Image {
    draw_spread(map, pyramid, view, style, &view.spread(map.shape()))
}

fn draw_spread(
    map: &MapArray,
    pyramid: &Pyramid,
    view: &View,
    style: &MapStyle,
    spread: &Spread,
) -> Image {
    let paint = Paint {
        cuts: style.cuts(),
        colours: style.colours(),
        reduction: style.reduction,
        theme: style.theme,
        not_measured: style.not_measured(),
        pattern: view.pattern(),
    };
    let mut pixels = Vec::with_capacity(spread.x.len() * spread.y.len());
    for y in &spread.y {
        for x in &spread.x {
            pixels.push(
                if x.tile == AxisPixel::NOTHING || y.tile == AxisPixel::NOTHING {
                    looks::BLANK
                } else {
                    paint.pixel(gather(map, pyramid, spread.level, x, y), x.phase, y.phase)
                },
            );
        }
    }
    Image {
        width: view.target.width,
        height: view.target.height,
        pixels,
    }
}

/// All cells that share a pixel.
fn gather(
    map: &MapArray,
    pyramid: &Pyramid,
    level: usize,
    x: &AxisPixel,
    y: &AxisPixel,
) -> Reduced {
    let tile = y.tile as usize * map.shape().columns + x.tile as usize;
    let mut group = Reduced::default();
    for row in y.first..y.first + y.count {
        for column in x.first..x.first + x.count {
            group.add(pyramid.view_cell(map, level, tile, row as usize, column as usize));
        }
    }
    group
}

struct Paint {
    cuts: [f32; 255],
    colours: [Colour; 256],
    reduction: Reduction,
    theme: Theme,
    not_measured: [Colour; 2],
    pattern: Pattern,
}

impl Paint {
    /// `x` and `y` are the pixel's phase words.
    fn pixel(&self, group: Reduced, x: u32, y: u32) -> Colour {
        if group.count == 0 {
            if group.kinds & within::NOT_FINITE != 0 {
                let [first, second] = looks::not_finite(self.theme);
                return if (x ^ y) & AxisPixel::SQUARE != 0 {
                    second
                } else {
                    first
                };
            }
            if group.kinds & within::NOT_MEASURED != 0 {
                let [ground, dot] = self.not_measured;
                return if x & y & AxisPixel::MIDDLE != 0 {
                    dot
                } else {
                    ground
                };
            }
            return looks::BLANK;
        }
        // A mean at or above a cut is tested without dividing: GPUs round divisions each in their own way.
        let (value, weight) = match self.reduction {
            Reduction::Mean => (group.sum, group.count as f32),
            Reduction::MaxAbs => (group.extreme, 1.0),
        };
        let colour = self.colours[self.cuts.partition_point(|&cut| cut * weight <= value)];
        let hatch = group.kinds & within::SIGNIFICANT == 0 && self.pattern.hatched(x, y);
        let dot = group.kinds & within::ESTIMATE != 0 && x & y & AxisPixel::DOT != 0;
        match (dot, hatch) {
            (true, _) => looks::dotted(colour),
            (false, true) => looks::hatched(colour),
            (false, false) => colour,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColourMap, MapShape, PixelRect, flag};

    const TARGET: PixelRect = PixelRect {
        x: 0,
        y: 0,
        width: 200,
        height: 200,
    };

    fn style() -> MapStyle {
        MapStyle::sequential(ColourMap::Purples, Theme::Dark, 0.0, 1.0)
    }

    #[test]
    fn every_state_has_its_own_look() {
        let map = MapArray::single(1, 4, vec![0.0, f32::NAN, 0.0, 0.0])
            .and_then(|m| m.with_flags(vec![flag::MEASURED, flag::MEASURED, 0, flag::MASKED]))
            .expect("fits");
        for theme in [Theme::Dark, Theme::Light] {
            let style = MapStyle { theme, ..style() };
            let view = View::fit(map.shape(), TARGET, 0.0, true, 1.0);
            let image = draw(&map, &view, &style);
            let looks = [0, 1, 2, 3].map(|i| image.at(5 + i * 50, 80));
            assert_eq!(looks[0], theme.panel());
            assert_eq!(looks[3], looks::BLANK);
            for i in 0..4 {
                for j in 0..i {
                    assert_ne!(looks[i], looks[j], "{theme:?} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn a_hot_cell_stays_visible_however_far_one_zooms_out() {
        let mut values = vec![0.0; 1000 * 777];
        values[400 * 777 + 401] = 1.0;
        let map = MapArray::single(1000, 777, values).expect("fits");
        let pyramid = Pyramid::new(&map);
        let hot = style().colours()[255];
        for side in [1, 3, 10, 57, 200, 640, 1000] {
            let target = PixelRect {
                width: side,
                height: side,
                ..TARGET
            };
            let view = View::fit(map.shape(), target, 0.0, false, 1.0);
            let image = draw_with(&map, &pyramid, &view, &style());
            let seen = image.pixels.iter().filter(|&&p| p == hot).count();
            assert!((1..=4).contains(&seen), "{side}: {seen}");
        }
    }

    #[test]
    fn hatching_marks_only_what_is_not_significant() {
        let map = MapArray::single(1, 2, vec![0.5; 2])
            .and_then(|m| {
                m.with_flags(vec![flag::MEASURED, flag::MEASURED | flag::NOT_SIGNIFICANT])
            })
            .expect("fits");
        let view = View::fit(map.shape(), TARGET, 0.0, true, 1.0);
        let image = draw(&map, &view, &style());
        let plain = colours_in(&image, 0..99);
        let hatched = colours_in(&image, 100..199);
        assert_eq!((plain, hatched), (1, 2));
    }

    fn colours_in(image: &Image, columns: std::ops::Range<u32>) -> usize {
        let mut seen: Vec<Colour> = columns
            .flat_map(|x| (50..150).map(move |y| (x, y)))
            .map(|(x, y)| image.at(x, y))
            .filter(|c| c[3] != 0)
            .collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    }

    #[test]
    fn fitted_maps_lie_inside_and_hits_name_the_painted_cell() {
        let shape = MapShape {
            rows: 3,
            columns: 4,
            height: 5,
            width: 7,
        };
        let values: Vec<f32> = (0..shape.cells()).map(|i| i as f32).collect();
        let map = MapArray::new(shape, values).expect("fits");
        let style = MapStyle::sequential(ColourMap::Viridis, Theme::Dark, 0.0, 419.0);
        for ppp in [1.0, 1.5, 2.0] {
            let view = View::fit(shape, TARGET, 4.0, true, ppp);
            let image = draw(&map, &view, &style);
            for y in 0..200 {
                for x in 0..200 {
                    let hit = view.hit(shape, [f64::from(x) + 0.5, f64::from(y) + 0.5]);
                    let colour = image.at(x, y);
                    match hit.and_then(|c| shape.index(c)) {
                        None => assert_eq!(colour, looks::BLANK),
                        Some(i) => {
                            assert_eq!(colour, crate::colour_of(i as f32, &style), "{x} {y}");
                            let rect = view.cell_rect(shape, shape.cell(i).expect("inside"));
                            assert!((rect.x..rect.x + rect.width as i32).contains(&(x as i32)));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn zooming_keeps_the_cell_under_the_cursor() {
        let shape = MapShape {
            rows: 3,
            columns: 4,
            height: 50,
            width: 70,
        };
        let mut view = View::fit(shape, TARGET, 4.0, true, 1.0);
        view.zoom_at(shape, [123.0, 70.0], 30.0, 0.01, 500.0);
        let before = view.hit(shape, [123.0, 70.0]).expect("a tile is there");
        let rect = view.cell_rect(shape, before);
        let middle = [(rect.x, rect.width), (rect.y, rect.height)]
            .map(|(start, length)| f64::from(start) + f64::from(length) / 2.0);
        for factor in [1.3, 0.9, 2.0, 1.1, 0.3] {
            view.zoom_at(shape, middle, factor, 0.01, 500.0);
            assert_eq!(view.hit(shape, middle), Some(before), "{factor}");
        }
        view.zoom_at(shape, [0.0, 0.0], f64::NAN, 0.01, 500.0);
        assert!(view.cell[0].is_finite());
    }

    #[test]
    fn visible_cells_are_those_with_pixels() {
        let shape = MapShape {
            rows: 2,
            columns: 2,
            height: 10,
            width: 10,
        };
        let mut view = View::fit(shape, TARGET, 3.0, true, 1.0);
        view.zoom_at(shape, [90.0, 90.0], 8.0, 0.1, 500.0);
        let cells = view.visible_cells(shape);
        assert!(!cells.is_empty() && cells.len() < shape.cells());
        for index in 0..shape.cells() {
            let cell = shape.cell(index).expect("inside");
            let r = view.cell_rect(shape, cell);
            let inside =
                r.x < 200 && r.y < 200 && r.x + r.width as i32 > 0 && r.y + r.height as i32 > 0;
            assert_eq!(cells.contains(&cell), inside, "{cell:?}");
        }
    }
}
