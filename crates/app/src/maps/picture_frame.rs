//! Where a picture's pixels lie on screen, shared by all views of it.

use egui::{Pos2, Rect, pos2, vec2};

use super::heatmap_view::{GridFrame, HeatmapView, fit_frame};
use super::region::Region;

/// The largest pixel that zooming reaches, points.
const LARGEST_PIXEL: f32 = 56.0;

/// A picture seen through a frame. Blocks at its right and lower edge may reach beyond it: the frame holds them whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureFrame {
    pub frame: Rect,
    /// Width and height in the pixels that regions are given in.
    pub size: [usize; 2],
    /// The size in whole blocks, pixels.
    pub padded: [usize; 2],
    pub view: HeatmapView,
}

impl PictureFrame {
    /// The whole picture in the upper left of `space`, as large as fits; `block` pixels are the side of a block.
    pub fn fitted(
        space: Rect,
        size: [usize; 2],
        block: usize,
        view: HeatmapView,
        pixels_per_point: f32,
    ) -> Self {
        let size = size.map(|n| n.max(1));
        let padded = size.map(|n| n.next_multiple_of(block.max(1)));
        let frame = fit_frame(
            space,
            padded[1],
            padded[0],
            f32::INFINITY,
            1.0,
            pixels_per_point,
        );
        Self {
            frame,
            size,
            padded,
            view,
        }
    }

    /// The pixels as cells of a grid, the padding among them.
    pub fn pixels(&self) -> GridFrame {
        self.cells(1)
    }

    /// Blocks of `side` pixels as cells of a grid.
    pub fn cells(&self, side: usize) -> GridFrame {
        let side = side.max(1);
        GridFrame {
            frame: self.frame,
            rows: self.padded[1].div_ceil(side),
            cols: self.padded[0].div_ceil(side),
            view: self.view,
        }
    }

    /// Side of one pixel, points.
    pub fn pixel_side(&self) -> f32 {
        self.pixels().cell_size().x
    }

    /// How far this picture can be zoomed.
    pub fn largest_zoom(&self) -> f32 {
        let fitted = self.pixel_side() / self.view.zoom;
        (LARGEST_PIXEL / fitted.max(1e-4)).max(4.0)
    }

    /// The whole picture, without the padding, also what lies outside the frame.
    pub fn content(&self) -> Rect {
        let whole = self.pixels().content();
        let side = self.pixel_side();
        Rect::from_min_size(
            whole.min,
            vec2(self.size[0] as f32, self.size[1] as f32) * side,
        )
    }

    /// What of the picture shows.
    pub fn shown(&self) -> Rect {
        self.content().intersect(self.frame)
    }

    /// A region's place, not cut to the frame.
    pub fn rect(&self, region: Region) -> Rect {
        let side = self.pixel_side();
        let origin = self.pixels().content().min;
        Rect::from_min_size(
            origin + vec2(region.x as f32, region.y as f32) * side,
            vec2(region.width as f32, region.height as f32) * side,
        )
    }

    /// The pixel under a point of the picture.
    pub fn pixel_at(&self, at: Pos2) -> Option<[usize; 2]> {
        self.shown().contains(at).then(|| self.nearest_pixel(at))
    }

    /// The pixel of the picture nearest to a point.
    pub fn nearest_pixel(&self, at: Pos2) -> [usize; 2] {
        let part = (at - self.pixels().content().min) / self.pixel_side().max(1e-6);
        [part.x, part.y]
            .map(|v| v.max(0.0) as usize)
            .into_iter()
            .zip(self.size)
            .map(|(v, n)| v.min(n - 1))
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_default()
    }

    /// A point in the middle of a pixel.
    pub fn centre_of(&self, [x, y]: [usize; 2]) -> Pos2 {
        let side = self.pixel_side();
        self.pixels().content().min + vec2(x as f32 + 0.5, y as f32 + 0.5) * side
    }

    /// Where a point at a share of the frame's width lies.
    pub(crate) fn across(&self, share: f32) -> Pos2 {
        let frame = self.frame;
        pos2(frame.left() + share * frame.width(), frame.center().y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_points_and_regions_agree_at_every_zoom() {
        let space = Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 300.0));
        for zoom in [1.0, 3.0, 9.5] {
            let mut view = HeatmapView::default();
            view.zoom_at(space, pos2(180.0, 140.0), zoom, 100.0);
            let frame = PictureFrame::fitted(space, [61, 45], 8, view, 1.0);
            assert_eq!(frame.padded, [64, 48]);
            for pixel in [[0, 0], [30, 20], [60, 44]] {
                let at = frame.centre_of(pixel);
                assert_eq!(frame.nearest_pixel(at), pixel);
                if frame.frame.contains(at) {
                    assert_eq!(frame.pixel_at(at), Some(pixel));
                }
                let rect = frame.rect(Region::new(pixel[0], pixel[1], 1, 1));
                assert!((rect.center() - at).length() < 0.01);
            }
        }
        let frame = PictureFrame::fitted(space, [61, 45], 8, HeatmapView::default(), 1.0);
        // The padding belongs to no pixel.
        assert_eq!(frame.pixel_at(frame.frame.max - vec2(1.0, 1.0)), None);
    }
}
