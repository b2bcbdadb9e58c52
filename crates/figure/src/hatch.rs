//! Slanted lines over a rectangle.

/// Lines from lower left to upper right, `apart` along x, cut to the rectangle of x, y, width and height.
pub(crate) fn lines([x, y, width, height]: [f32; 4], apart: f32) -> Vec<[[f32; 2]; 2]> {
    let mut lines = Vec::new();
    let mut along = apart / 2.0;
    while along < width + height && lines.len() < 64 {
        let from = if along <= height {
            [x, y + along]
        } else {
            [x + along - height, y + height]
        };
        let to = if along <= width {
            [x + along, y]
        } else {
            [x + width, y + along - width]
        };
        lines.push([from, to]);
        along += apart;
    }
    lines
}
