//! Pictures on screen: kept as textures in tiles, each at the size that is shown.

use std::collections::HashMap;
use std::sync::Arc;

use egui::mutex::Mutex;
use egui::{
    Color32, ColorImage, Id, Painter, Rect, TextureFilter, TextureHandle, TextureOptions, Ui, pos2,
    vec2,
};

use super::raster::Raster;

/// How a picture is turned before it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Treatment<'a> {
    /// As it is.
    Plain,
    /// With less colour and contrast, so that a map can lie over it.
    Ground(whyfinder_paint::Theme),
    /// How far it is from another picture, channel by channel, times [`GAIN`], on black.
    Difference(&'a Raster),
}

/// How much differences are amplified.
pub const GAIN: u32 = 4;

/// The side of a tile, in its own pixels.
const TILE: usize = 1024;
/// Tiles are forgotten when they have not been shown for this many frames.
const KEPT_FRAMES: u64 = 240;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct TileKey {
    picture: u64,
    treatment: (u8, u64),
    /// Each pixel of the tile is the mean of `2^level` x `2^level` of the picture.
    level: u32,
    smooth: bool,
    column: usize,
    row: usize,
}

struct Tile {
    texture: TextureHandle,
    used: u64,
}

type Tiles = Arc<Mutex<HashMap<TileKey, Tile>>>;

/// Paints `picture` into `place`, which may reach beyond the painter's clip; only what shows is uploaded.
///
/// Pixels are crisp from twice their size on; smaller pictures are means, never samples.
pub fn paint_raster(
    ui: &Ui,
    painter: &Painter,
    place: Rect,
    picture: &Raster,
    treatment: Treatment<'_>,
) {
    if !place.is_positive() || !ui.is_rect_visible(place) {
        return;
    }
    let per_pixel = place.width() / picture.width() as f32 * ui.pixels_per_point();
    let level = if per_pixel < 1.0 {
        (1.0 / per_pixel).log2().floor().min(12.0) as u32
    } else {
        0
    };
    let smooth = per_pixel < 2.0;
    let side = TILE << level;
    let shown = painter.clip_rect().intersect(place);
    let scale = vec2(
        place.width() / picture.width() as f32,
        place.height() / picture.height() as f32,
    );
    let first = (shown.min - place.min) / scale;
    let last = (shown.max - place.min) / scale;
    let tiles_of = |from: f32, to: f32, length: usize| {
        let most = length.div_ceil(side);
        let start = (from.max(0.0) as usize / side).min(most);
        let end = ((to.max(0.0).ceil() as usize).div_ceil(side)).clamp(start, most);
        start..end
    };
    let tiles: Tiles = ui
        .ctx()
        .data_mut(|data| data.get_temp_mut_or_default::<Tiles>(Id::NULL).clone());
    let now = ui.ctx().cumulative_frame_nr();
    let mut tiles = tiles.lock();
    tiles.retain(|_, tile| now.saturating_sub(tile.used) < KEPT_FRAMES);
    for row in tiles_of(first.y, last.y, picture.height()) {
        for column in tiles_of(first.x, last.x, picture.width()) {
            let key = TileKey {
                picture: picture.id(),
                treatment: named(treatment),
                level,
                smooth,
                column,
                row,
            };
            let (x, y) = (column * side, row * side);
            let size = [
                (picture.width() - x).min(side),
                (picture.height() - y).min(side),
            ];
            let tile = tiles.entry(key).or_insert_with(|| Tile {
                texture: ui.ctx().load_texture(
                    "picture",
                    tile_of(picture, treatment, level, x, y, size),
                    options(smooth),
                ),
                used: now,
            });
            tile.used = now;
            let at = place.min + vec2(x as f32, y as f32) * scale;
            let rect = Rect::from_min_size(at, vec2(size[0] as f32, size[1] as f32) * scale);
            // A tile's last pixels may be means of fewer.
            let whole = size.map(|n| n.div_ceil(1 << level) << level);
            let uv = pos2(
                size[0] as f32 / whole[0] as f32,
                size[1] as f32 / whole[1] as f32,
            );
            let uv = Rect::from_min_max(pos2(0.0, 0.0), uv);
            painter.image(tile.texture.id(), rect, uv, Color32::WHITE);
        }
    }
}

fn options(smooth: bool) -> TextureOptions {
    TextureOptions {
        magnification: if smooth {
            TextureFilter::Linear
        } else {
            TextureFilter::Nearest
        },
        minification: TextureFilter::Linear,
        ..TextureOptions::NEAREST
    }
}

fn named(treatment: Treatment<'_>) -> (u8, u64) {
    match treatment {
        Treatment::Plain => (0, 0),
        Treatment::Ground(whyfinder_paint::Theme::Dark) => (1, 0),
        Treatment::Ground(whyfinder_paint::Theme::Light) => (1, 1),
        Treatment::Difference(other) => (2, other.id()),
    }
}

fn tile_of(
    picture: &Raster,
    treatment: Treatment<'_>,
    level: u32,
    x: usize,
    y: usize,
    [width, height]: [usize; 2],
) -> ColorImage {
    let step = 1usize << level;
    let size = [width.div_ceil(step), height.div_ceil(step)];
    let mut pixels = Vec::with_capacity(size[0] * size[1]);
    for row in 0..size[1] {
        for column in 0..size[0] {
            let (x, y) = (x + column * step, y + row * step);
            pixels.push(turned(picture, treatment, x, y, step));
        }
    }
    ColorImage::new(size, pixels)
}

fn turned(picture: &Raster, treatment: Treatment<'_>, x: usize, y: usize, side: usize) -> Color32 {
    let here = picture.mean(x, y, side);
    let [r, g, b] = match treatment {
        Treatment::Plain => here,
        Treatment::Ground(theme) => ground(here, theme),
        Treatment::Difference(other) => {
            let there = other.mean(x, y, side);
            std::array::from_fn(|c| (u32::from(here[c].abs_diff(there[c])) * GAIN).min(255) as u8)
        }
    };
    Color32::from_rgb(r, g, b)
}

/// Three tenths of the colour, and a range of brightness that leaves room for a map above.
fn ground([r, g, b]: [u8; 3], theme: whyfinder_paint::Theme) -> [u8; 3] {
    let grey = (77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8;
    // Low end and span of the brightness, out of 255.
    let (low, span) = match theme {
        whyfinder_paint::Theme::Dark => (26, 140),
        whyfinder_paint::Theme::Light => (110, 130),
    };
    [r, g, b].map(|c| {
        let faded = (3 * u32::from(c) + 7 * grey) / 10;
        (low + faded * span / 255) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_picture_and_keep_its_means() {
        let pixels = (0..6).map(|i| [10 * i as u8; 3]).collect();
        let picture = Raster::new(3, 2, pixels).expect("fits");
        let tile = tile_of(&picture, Treatment::Plain, 1, 0, 0, [3, 2]);
        assert_eq!(tile.size, [2, 1]);
        assert_eq!(tile.pixels[0], Color32::from_gray(20));
        assert_eq!(tile.pixels[1], Color32::from_gray(35));
    }

    #[test]
    fn a_difference_is_amplified_and_black_where_there_is_none() {
        let a = Raster::new(2, 1, vec![[10, 20, 30], [0, 0, 0]]).expect("fits");
        let b = Raster::new(2, 1, vec![[10, 25, 0], [0, 0, 255]]).expect("fits");
        let tile = tile_of(&a, Treatment::Difference(&b), 0, 0, 0, [2, 1]);
        assert_eq!(tile.pixels[0], Color32::from_rgb(0, 20, 120));
        assert_eq!(tile.pixels[1], Color32::from_rgb(0, 0, 255));
    }
}
