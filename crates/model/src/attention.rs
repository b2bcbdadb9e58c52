//! Multi-head attention with every stage open.

use candle_core::{D, Tensor};
use whyfinder_experiment::Part;

use crate::block::Inside;
use crate::config::AttentionSpan;
use crate::error::Result;
use crate::kernel::attention::{self as fused, Attention};
use crate::kernel::linear::linear;
use crate::kernel::{norm, rope};
use crate::probe::{Probe, show};
use crate::rope::Table;
use crate::weights::{Linear, NormWeights};

/// `[B, T, D]` in, `[B, T, D]` of the positions that are read out, bias included.
///
/// Values that nobody wants are never built: with no score or pattern asked for, one fused operation goes from
/// queries, keys and values to the heads' outputs. The separate operations compute the same numbers.
pub(crate) fn attention<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    x: &Tensor,
    probe: &mut P,
) -> Result<Tensor> {
    let (q, k, v) = match &inside.fresh {
        Some(fresh) => fresh.projected(inside, x)?,
        None => all_projected(inside, x, probe)?,
    };
    let z = match &inside.earlier {
        Some(earlier) if !STAGES.iter().any(|&part| probe.wants(inside.site(part))) => {
            earlier.attend(&q, &k, &v, form(inside))?
        }
        earlier => {
            let (k, v) = match earlier {
                Some(earlier) => earlier.joined(&k, &v)?,
                None => (k, v),
            };
            let (k, v) = expanded(inside, k, v, probe)?;
            mixed(inside, &q, &k, &v, probe)?
        }
    };
    let z = show(probe, inside.site(Part::Z), z)?;
    projected(inside, &z, probe)
}

/// What keys and values of earlier positions have to be put together with a row's own for.
const STAGES: [Part; 5] = [
    Part::KExpanded,
    Part::VExpanded,
    Part::AttnScoresUnmasked,
    Part::AttnScores,
    Part::Pattern,
];

/// Queries, of the positions read, keys and values, as they meet.
fn all_projected<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    x: &Tensor,
    probe: &mut P,
) -> Result<(Tensor, Tensor, Tensor)> {
    let config = inside.config;
    let split = |x: &Tensor, linear_weights: &Linear, heads: usize| -> Result<Tensor> {
        let (batch, length, _) = x.dims3()?;
        Ok(linear(x, linear_weights)?.reshape((batch, length, heads, config.d_head))?)
    };
    let q = split(&inside.read_of(x)?, &inside.weights.q, config.heads)?;
    let q = show(probe, inside.site(Part::Q), q)?;
    let k = split(x, &inside.weights.k, config.kv_heads)?;
    let k = show(probe, inside.site(Part::K), k)?;
    let v = split(x, &inside.weights.v, config.kv_heads)?;
    let v = show(probe, inside.site(Part::V), v)?;

    if config.qk_norm || inside.rotary.is_some() {
        let read = inside.rotary.map(|table| table.from(inside.read));
        let read = read.transpose()?;
        let norm = inside.weights.q_norm.as_ref();
        let q = turned(inside, norm, "the query norm", read.as_ref(), q)?;
        let q = show(probe, inside.site(Part::RotQ), q)?;
        let norm = inside.weights.k_norm.as_ref();
        let k = turned(inside, norm, "the key norm", inside.rotary, k)?;
        return Ok((q, show(probe, inside.site(Part::RotK), k)?, v));
    }
    Ok((q, k, v))
}

/// Query or key norm, then rotation.
pub(crate) fn turned(
    inside: &Inside<'_>,
    weights: Option<&NormWeights>,
    name: &str,
    table: Option<&Table>,
    x: Tensor,
) -> Result<Tensor> {
    let config = inside.config;
    let x = if config.qk_norm {
        let weights = inside.promised(weights, name)?;
        norm::norm(&x, weights, config.norm, config.norm_eps)?
    } else {
        x
    };
    match table {
        Some(table) => rope::rotate(&x, &table.cos, &table.sin),
        None => Ok(x),
    }
}

/// Keys and values, repeated for each query head if the probe wants to see either so.
fn expanded<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    k: Tensor,
    v: Tensor,
    probe: &mut P,
) -> Result<(Tensor, Tensor)> {
    let sites = [Part::KExpanded, Part::VExpanded].map(|part| inside.site(part));
    if !sites.iter().any(|&site| probe.wants(site)) {
        return Ok((k, v));
    }
    let k = show(probe, sites[0], repeated(&k, inside.config.heads)?)?;
    let v = show(probe, sites[1], repeated(&v, inside.config.heads)?)?;
    Ok((k, v))
}

/// `[B, T, G, d]` to `[B, T, H, d]`, each group repeated for the query heads that share it.
fn repeated(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, length, groups, width) = x.dims4()?;
    Ok(x.unsqueeze(3)?
        .broadcast_as((batch, length, groups, heads / groups, width))?
        .contiguous()?
        .reshape((batch, length, heads, width))?)
}

/// What turns the queries and keys of this block into scores.
fn form(inside: &Inside<'_>) -> Attention {
    Attention {
        scale: inside.config.attention_scale,
        softcap: inside.config.attention_softcap,
        window: match inside.config.spans[inside.layer] {
            AttentionSpan::Full => None,
            AttentionSpan::Sliding(window) => Some(window),
        },
    }
}

/// Queries, keys and values to each head's weighted values, `[B, T, H, d]`.
fn mixed<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    probe: &mut P,
) -> Result<Tensor> {
    let form = form(inside);
    let (unmasked, masked, pattern) = (
        inside.site(Part::AttnScoresUnmasked),
        inside.site(Part::AttnScores),
        inside.site(Part::Pattern),
    );
    let wants_scores = probe.wants(unmasked) || probe.wants(masked);
    if !wants_scores && !probe.wants(pattern) {
        return fused::attend(q, k, v, form);
    }
    let weights = if wants_scores {
        let scores = if probe.wants(unmasked) {
            let scores = fused::scores(q, k, form)?;
            fused::mask(&show(probe, unmasked, scores)?, form)?
        } else {
            fused::masked_scores(q, k, form)?
        };
        fused::softmax(&show(probe, masked, scores)?)?
    } else {
        fused::pattern(q, k, form)?
    };
    let weights = show(probe, pattern, weights)?;
    fused::weigh(&weights, v, form)
}

/// The output projection; each head's share is built only where it is wanted.
fn projected<P: Probe + ?Sized>(inside: &Inside<'_>, z: &Tensor, probe: &mut P) -> Result<Tensor> {
    let o = &inside.weights.o;
    let (batch, length, heads, width) = z.dims4()?;
    let flat = z.reshape((batch, length, heads * width))?;
    let out = linear(&flat, o)?;
    let site = inside.site(Part::AttnResult);
    if !probe.wants(site) {
        return Ok(out);
    }
    let shares = (0..heads)
        .map(|head| {
            let slice = Linear {
                weight: o.weight.columns(head * width, width)?,
                bias: None,
            };
            linear(&z.narrow(2, head, 1)?.squeeze(2)?.contiguous()?, &slice)
        })
        .collect::<Result<Vec<_>>>()?;
    let result = Tensor::stack(&shares, 2)?;
    let changed = show(probe, site, result.clone())?;
    if changed.id() == result.id() {
        return Ok(out);
    }
    // Adding the difference, not summing anew, keeps untouched rows bit for bit what they were.
    Ok((out + (changed - result)?.sum(D::Minus2)?)?)
}
