//! Attention records as members of a result's archive.
//!
//! For layer L: `attention.L.queries` (tokens, heads, width), `.keys` (tokens, groups, width), `.top` and `.log_sum`
//! (heads, tokens), `.form` (scale, soft cap, window, prefix; NaN for none), and the finest overview `.mean` and
//! `.max` (heads, side, side).

use std::sync::Arc;

use crate::attention::{AttentionForm, AttentionRecord, AttentionSizes, RecordParts};
use crate::npy::{Stored, Values};

/// The archive's members, named.
pub(crate) fn members(record: &AttentionRecord) -> Vec<(String, Stored)> {
    let AttentionSizes {
        tokens,
        heads,
        groups,
        width,
    } = record.sizes;
    let (form, overview) = (record.form, record.overview());
    let cells = [heads, overview.side, overview.side];
    let member = |name: &str, shape: &[usize], values: &[f32]| {
        let stored = Stored {
            shape: shape.to_vec(),
            values: Values::F32(values.to_vec()),
        };
        (format!("attention.{}.{name}", record.layer), stored)
    };
    let number = |n: Option<usize>| n.map_or(f64::NAN, |n| n as f64);
    let form = Stored {
        shape: vec![4],
        values: Values::F64(vec![
            f64::from(form.scale),
            form.softcap.map_or(f64::NAN, f64::from),
            number(form.window),
            number(Some(form.prefix)),
        ]),
    };
    vec![
        member("queries", &[tokens, heads, width], &record.queries),
        member("keys", &[tokens, groups, width], &record.keys),
        member("top", &[heads, tokens], &record.top),
        member("log_sum", &[heads, tokens], &record.log_sum),
        member("mean", &cells, &overview.mean),
        member("max", &cells, &overview.max),
        (format!("attention.{}.form", record.layer), form),
    ]
}

/// Reads the records back; `get` gives a member by name, `names` are all there are.
///
/// The error completes "The file is not a result that can be read: ...".
pub(crate) fn read<'a>(
    names: &[String],
    get: impl Fn(&str) -> Option<&'a Stored>,
) -> Result<Vec<Arc<AttentionRecord>>, String> {
    let mut layers: Vec<usize> = names
        .iter()
        .filter_map(|name| {
            let layer = name.strip_prefix("attention.")?.strip_suffix(".queries")?;
            layer.parse().ok()
        })
        .collect();
    layers.sort_unstable();
    layers
        .into_iter()
        .map(|layer| record(layer, &get).map(Arc::new))
        .collect()
}

fn record<'a>(
    layer: usize,
    get: &impl Fn(&str) -> Option<&'a Stored>,
) -> Result<AttentionRecord, String> {
    let array = |name: &str| -> Result<(&'a [usize], Vec<f32>), String> {
        let name = format!("attention.{layer}.{name}");
        match get(&name).map(|stored| (&stored.shape, &stored.values)) {
            Some((shape, Values::F32(values))) => Ok((shape, values.clone())),
            _ => Err(format!("\"{name}\" is missing or does not hold float32")),
        }
    };
    let (query_shape, queries) = array("queries")?;
    let (key_shape, keys) = array("keys")?;
    let (&[tokens, heads, width], &[_, groups, _]) = (query_shape, key_shape) else {
        return Err(format!(
            "the attention of layer {layer} does not have three dimensions"
        ));
    };
    let sizes = AttentionSizes {
        tokens,
        heads,
        groups,
        width,
    };
    AttentionRecord::new(RecordParts {
        layer,
        form: form(layer, get)?,
        sizes,
        queries,
        keys,
        top: array("top")?.1,
        log_sum: array("log_sum")?.1,
        mean: array("mean")?.1,
        max: array("max")?.1,
    })
    .map_err(|e| e.to_string().trim_end_matches('.').to_string())
}

fn form<'a>(
    layer: usize,
    get: &impl Fn(&str) -> Option<&'a Stored>,
) -> Result<AttentionForm, String> {
    let name = format!("attention.{layer}.form");
    let whole = |n: f64| (n >= 0.0 && n.fract() == 0.0 && n < 1e15).then_some(n as usize);
    let read = || {
        let Values::F64(numbers) = &get(&name)?.values else {
            return None;
        };
        let &[scale, softcap, window, prefix] = numbers.as_slice() else {
            return None;
        };
        let window = if window.is_nan() {
            None
        } else {
            Some(whole(window)?)
        };
        Some(AttentionForm {
            scale: scale as f32,
            softcap: (!softcap.is_nan()).then_some(softcap as f32),
            window,
            prefix: whole(prefix)?,
        })
    };
    read().ok_or_else(|| format!("\"{name}\" is not scale, soft cap, window and prefix"))
}
