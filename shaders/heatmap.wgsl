// Draws a map, or an atlas of maps, in one go: each pixel looks up which cells it shows, gathers them, and turns the
// result into a colour by comparing it with the style's cuts.
// CPU twin: crates/paint/src/cpu.rs. The two must stay alike to the last bit: comparisons, sums and products only,
// for division, powers and fused operations differ between GPUs.

struct Style {
    // cuts[i] is the least value of colour i + 1; the last of the 256 is infinite.
    cuts: array<vec4<f32>, 64>,
    // Red in the lowest byte.
    colours: array<vec4<u32>, 64>,
    // 1: mean, 0: value of the largest magnitude.
    mean: u32,
    // Ground and dot of cells not measured.
    not_measured: u32,
    not_measured_dot: u32,
    // Chequers of cells that are not finite.
    not_finite: u32,
    not_finite_second: u32,
    ink_on_light: u32,
    ink_on_dark: u32,
    // Out of sixteen: for hatching on nearly black or white cells, for hatching on others, for dots.
    hatch_weight_extreme: u32,
    hatch_weight: u32,
    dot_weight: u32,
}

struct View {
    // The rectangle drawn into, in pixels of the target.
    origin: vec2<i32>,
    size: vec2<u32>,
    // Tile columns.
    columns: u32,
    // Of a tile, at the level shown.
    height: u32,
    width: u32,
    // 0: the map itself.
    level: u32,
    // Where the level starts in `levels`.
    start: u32,
    // How many flags there are before they repeat; 0: none, all cells are measured.
    flags: u32,
    // Of the hatching, in pixels.
    period: u32,
    line: u32,
}

struct Uniforms {
    style: Style,
    view: View,
}

// What one pixel column or row shows.
struct AxisPixel {
    tile: u32,
    first: u32,
    count: u32,
    phase: u32,
}

struct Reduced {
    sum: f32,
    extreme: f32,
    count: u32,
    kinds: u32,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
// First the pixel columns, then the pixel rows.
@group(0) @binding(1) var<storage, read> axes: array<AxisPixel>;
// Bits, not numbers, until they are known to be finite: compilers may assume that there is no NaN.
@group(0) @binding(2) var<storage, read> values: array<u32>;
@group(0) @binding(3) var<storage, read> flags: array<u32>;
@group(0) @binding(4) var<storage, read> levels: array<Reduced>;

const NOTHING = 0xffffffffu;
// Bits of a phase word: in the middle of the cell, on a column or row of dots, in an odd square of the chequers. The
// others hold the distance from the tile's start, modulo the hatching's period.
const MIDDLE = 0x80000000u;
const DOT = 0x40000000u;
const SQUARE = 0x20000000u;
const PHASE = 0x1fffffffu;

@vertex
fn cover(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    // One triangle over the whole viewport.
    let x = f32((index << 1u) & 2u);
    let y = f32(index & 2u);
    return vec4<f32>(2.0 * x - 1.0, 1.0 - 2.0 * y, 0.0, 1.0);
}

// `inside` is the index within the tile.
fn map_cell(index: u32, inside: u32) -> Reduced {
    var flag = 1u;
    if uniforms.view.flags > 0u {
        // Software GPUs divide lane by lane: no remainder where a choice does.
        let at = select(index, inside, uniforms.view.flags == uniforms.view.height * uniforms.view.width);
        flag = (flags[at >> 2u] >> (8u * (at & 3u))) & 255u;
    }
    if (flag & 2u) != 0u {
        return Reduced(0.0, 0.0, 0u, 16u);
    }
    if (flag & 1u) == 0u {
        return Reduced(0.0, 0.0, 0u, 8u);
    }
    let bits = values[index];
    if (bits & 0x7f800000u) == 0x7f800000u {
        return Reduced(0.0, 0.0, 0u, 4u);
    }
    let value = bitcast<f32>(bits);
    return Reduced(value, value, 1u, select(0u, 1u, (flag & 4u) == 0u) | select(0u, 2u, (flag & 8u) != 0u));
}

fn taken_in(group: Reduced, other: Reduced) -> Reduced {
    var result = group;
    if other.count > 0u {
        if group.count == 0u || abs(other.extreme) > abs(group.extreme) {
            result.extreme = other.extreme;
        }
        result.sum = group.sum + other.sum;
        result.count = group.count + other.count;
    }
    result.kinds = group.kinds | other.kinds;
    return result;
}

fn gather_map(x: AxisPixel, y: AxisPixel) -> Reduced {
    let tile = (y.tile * uniforms.view.columns + x.tile) * uniforms.view.height * uniforms.view.width;
    var group = Reduced(0.0, 0.0, 0u, 0u);
    for (var row = y.first; row < y.first + y.count; row++) {
        for (var column = x.first; column < x.first + x.count; column++) {
            let inside = row * uniforms.view.width + column;
            group = taken_in(group, map_cell(tile + inside, inside));
        }
    }
    return group;
}

fn gather_level(x: AxisPixel, y: AxisPixel) -> Reduced {
    let tile = (y.tile * uniforms.view.columns + x.tile) * uniforms.view.height;
    var group = Reduced(0.0, 0.0, 0u, 0u);
    for (var row = y.first; row < y.first + y.count; row++) {
        for (var column = x.first; column < x.first + x.count; column++) {
            let index = uniforms.view.start + (tile + row) * uniforms.view.width + column;
            group = taken_in(group, levels[index]);
        }
    }
    return group;
}

// How many cuts lie at or below value / weight.
fn colour_index(value: f32, weight: f32) -> u32 {
    var low = 0u;
    for (var step = 128u; step > 0u; step = step >> 1u) {
        let at = low + step - 1u;
        if uniforms.style.cuts[at >> 2u][at & 3u] * weight <= value {
            low += step;
        }
    }
    return low;
}

fn bytes(colour: u32) -> vec3<u32> {
    return vec3<u32>(colour, colour >> 8u, colour >> 16u) & vec3<u32>(255u);
}

fn luma(colour: u32) -> u32 {
    let c = bytes(colour);
    return (77u * c.r + 150u * c.g + 29u * c.b) >> 8u;
}

fn inked(colour: u32, weight: u32) -> u32 {
    let ink = bytes(select(uniforms.style.ink_on_dark, uniforms.style.ink_on_light, luma(colour) >= 128u));
    let mixed = (bytes(colour) * (16u - weight) + ink * weight + vec3<u32>(8u)) / vec3<u32>(16u);
    return mixed.r | (mixed.g << 8u) | (mixed.b << 16u) | (colour & 0xff000000u);
}

// `x` and `y` are the pixel's phase words.
fn pixel_colour(group: Reduced, x: u32, y: u32) -> u32 {
    if group.count == 0u {
        if (group.kinds & 4u) != 0u {
            let second = ((x ^ y) & SQUARE) != 0u;
            return select(uniforms.style.not_finite, uniforms.style.not_finite_second, second);
        }
        if (group.kinds & 8u) != 0u {
            return select(uniforms.style.not_measured, uniforms.style.not_measured_dot, (x & y & MIDDLE) != 0u);
        }
        return 0u;
    }
    var index: u32;
    if uniforms.style.mean == 1u {
        index = colour_index(group.sum, f32(group.count));
    } else {
        index = colour_index(group.extreme, 1.0);
    }
    let colour = uniforms.style.colours[index >> 2u][index & 3u];
    let sum = (x & PHASE) + (y & PHASE);
    let along = select(sum, sum - uniforms.view.period, sum >= uniforms.view.period);
    let hatched = (group.kinds & 1u) == 0u && along < uniforms.view.line;
    let dotted = (group.kinds & 2u) != 0u && (x & y & DOT) != 0u;
    if dotted {
        return inked(colour, uniforms.style.dot_weight);
    }
    if hatched && (colour >> 24u) < 255u {
        // Over a picture.
        let line = inked(colour, 9u);
        return (line & 0xffffffu) | (max(line >> 24u, 120u) << 24u);
    }
    if hatched {
        let extreme = luma(colour) < 48u || luma(colour) >= 208u;
        return inked(colour, select(uniforms.style.hatch_weight, uniforms.style.hatch_weight_extreme, extreme));
    }
    return colour;
}

// One row or column of the table; NOTHING outside the rectangle.
fn axis(at: i32, axis_index: u32) -> AxisPixel {
    let size = i32(uniforms.view.size[axis_index]);
    if at < 0 || at >= size {
        return AxisPixel(NOTHING, 0u, 0u, 0u);
    }
    return axes[at + select(0, i32(uniforms.view.size.x), axis_index == 1u)];
}

// What the pixel shows: one cell of the map, several, or several of a pyramid level. Software GPUs run both sides of
// every branch, so that each kind has an entry point of its own.
const CELLS = 0u;
const GROUPS = 1u;
const LEVELS = 2u;

fn paint(position: vec4<f32>, kind: u32) -> vec4<f32> {
    let at = vec2<i32>(floor(position.xy)) - uniforms.view.origin;
    let x = axis(at.x, 0u);
    let y = axis(at.y, 1u);
    if x.tile == NOTHING || y.tile == NOTHING {
        return vec4<f32>(0.0);
    }
    var group: Reduced;
    if kind == CELLS {
        let inside = y.first * uniforms.view.width + x.first;
        let tile = (y.tile * uniforms.view.columns + x.tile) * uniforms.view.height * uniforms.view.width;
        group = map_cell(tile + inside, inside);
    } else if kind == GROUPS {
        group = gather_map(x, y);
    } else {
        group = gather_level(x, y);
    }
    let colour = unpack4x8unorm(pixel_colour(group, x.phase, y.phase));
    // The target blends premultiplied colours; opaque ones stay what they are to the last bit.
    return vec4<f32>(colour.rgb * colour.a, colour.a);
}

@fragment
fn paint_cells(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return paint(position, CELLS);
}

@fragment
fn paint_groups(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return paint(position, GROUPS);
}

@fragment
fn paint_levels(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return paint(position, LEVELS);
}
