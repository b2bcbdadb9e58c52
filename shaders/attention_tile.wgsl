// Computes a part of a head's attention from its queries and keys: one invocation makes one cell, which stands for
// 2^level x 2^level weights.
// CPU twin: crates/model/src/kernel/attention_tile.rs; the two agree to 1e-5.

struct Job {
    // Cells to make, rows next to each other.
    rows: u32,
    columns: u32,
    // Of the whole head at this level.
    first_row: u32,
    first_column: u32,
    level: u32,
    tokens: u32,
    width: u32,
    // How many keys back a query sees; 0: all.
    window: u32,
    // So many tokens at the start see each other.
    prefix: u32,
    // 1: mean, 0: largest.
    mean: u32,
    scale: f32,
    // 0: none.
    softcap: f32,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> queries: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<f32>;
// Bits of each row's largest score, then of the logarithm of its sum: compilers may assume that there is no NaN.
@group(0) @binding(3) var<storage, read> rows: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> values: array<u32>;

const NAN = 0x7fc00000u;

// The built-in one may be off by more than 1e-5. Cephes (Moshier), as in crates/model/src/kernel/elementary.rs.
fn hyperbolic_tangent(x: f32) -> f32 {
    let a = abs(x);
    let z = x * x;
    var p = -5.7049887e-3;
    p = p * z + 2.063909e-2;
    p = p * z - 5.3739715e-2;
    p = p * z + 1.3331442e-1;
    p = p * z - 3.33328e-1;
    let near = p * z * x + x;
    // Beyond this it is 1, and the power would not be a number.
    let far = 1.0 - 2.0 / (exp(2.0 * min(a, 20.0)) + 1.0);
    return select(select(far, -far, x < 0.0), near, a < 0.625);
}

fn weight(query: u32, key: u32, top: f32, log_sum: f32) -> f32 {
    var dot = 0.0;
    for (var i = 0u; i < job.width; i++) {
        dot += queries[query * job.width + i] * keys[key * job.width + i];
    }
    var score = dot * job.scale;
    if job.softcap > 0.0 {
        score = job.softcap * hyperbolic_tangent(score / job.softcap);
    }
    return exp((score - top) - log_sum);
}

@compute @workgroup_size(8, 8)
fn attention_tile(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= job.columns || id.y >= job.rows {
        return;
    }
    let size = 1u << job.level;
    let first_query = (job.first_row + id.y) << job.level;
    let first_key = (job.first_column + id.x) << job.level;
    let last_key = min(first_key + size, job.tokens);
    var sum = 0.0;
    var largest = 0.0;
    var pairs = 0u;
    var no_number = false;
    for (var query = first_query; query < min(first_query + size, job.tokens); query++) {
        let in_prefix = query < job.prefix;
        // Up to where keys come in time, and from where the window lets them be seen.
        let end = clamp(select(query + 1u, job.prefix, in_prefix), first_key, last_key);
        var start = first_key;
        if job.window > 0u && !in_prefix && query + 1u > job.window {
            start = max(start, query + 1u - job.window);
        }
        pairs += end - first_key;
        let row = rows[query];
        if (row.y & 0x7fffffffu) > 0x7f800000u {
            no_number = no_number || start < end;
            continue;
        }
        for (var key = start; key < end; key++) {
            let w = weight(query, key, bitcast<f32>(row.x), bitcast<f32>(row.y));
            sum += w;
            largest = max(largest, w);
        }
    }
    var bits = bitcast<u32>(largest);
    if job.mean == 1u {
        bits = bitcast<u32>(sum / f32(max(pairs, 1u)));
    }
    values[id.y * job.columns + id.x] = select(bits, NAN, no_number);
}
