// Halves every tile of a map: one invocation makes one reduced cell from up to 2 x 2 cells of the level below.
// CPU twin: crates/paint/src/pyramid.rs. The two must stay alike to the last bit.

struct Job {
    // The level below: where it starts in `levels` (unused for the map itself), its height and width.
    below_start: u32,
    below_height: u32,
    below_width: u32,
    start: u32,
    height: u32,
    width: u32,
    first_tile: u32,
    // Cells to make, in all tiles of the job.
    cells: u32,
    // Invocations along x of the dispatch.
    row: u32,
    // How many flags there are before they repeat; 0: none, all cells are measured.
    flags: u32,
}

struct Reduced {
    sum: f32,
    extreme: f32,
    count: u32,
    kinds: u32,
}

@group(0) @binding(0) var<uniform> job: Job;
// Bits, not numbers, until they are known to be finite: compilers may assume that there is no NaN.
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read> flags: array<u32>;
@group(0) @binding(3) var<storage, read_write> levels: array<Reduced>;

// `inside` is the index within the tile.
fn map_cell(index: u32, inside: u32) -> Reduced {
    var flag = 1u;
    if job.flags > 0u {
        // Software GPUs divide lane by lane: no remainder where a choice does.
        let at = select(index, inside, job.flags == job.below_height * job.below_width);
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

fn reduce(id: vec3<u32>, from_map: bool) {
    let invocation = id.y * job.row + id.x;
    if id.x >= job.row || invocation >= job.cells {
        return;
    }
    let tile_cells = job.height * job.width;
    let tile = job.first_tile + invocation / tile_cells;
    let inside = invocation % tile_cells;
    let row = inside / job.width;
    let column = inside % job.width;
    var group = Reduced(0.0, 0.0, 0u, 0u);
    for (var y = 2u * row; y < min(2u * row + 2u, job.below_height); y++) {
        for (var x = 2u * column; x < min(2u * column + 2u, job.below_width); x++) {
            let below = y * job.below_width + x;
            let index = tile * job.below_height * job.below_width + below;
            if from_map {
                group = taken_in(group, map_cell(index, below));
            } else {
                group = taken_in(group, levels[job.below_start + index]);
            }
        }
    }
    levels[job.start + (tile * job.height + row) * job.width + column] = group;
}

@compute @workgroup_size(64)
fn reduce_map(@builtin(global_invocation_id) id: vec3<u32>) {
    reduce(id, true);
}

@compute @workgroup_size(64)
fn reduce_level(@builtin(global_invocation_id) id: vec3<u32>) {
    reduce(id, false);
}
