//! Plain forward passes against PyTorch's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use serde_json::json;
use whyfinder_model::network::{NoNodeProbe, forward, open_network};
use whyfinder_model::{OpenOptions, Pass};

use crate::random_weights::{Draws, write};
use crate::shapes::{self, GPT2_SMALL, Shapes};
use crate::table::{Table, duration, optional};
use crate::timing::{Pair, in_turns, shortest};
use crate::torch::{Order, difference};
use crate::{Bench, language};

const TOKENS: [usize; 3] = [16, 128, 1024];

pub(crate) fn table(bench: &mut Bench) -> Result<Table> {
    let mut table = empty();
    language_rows(bench, &mut table)?;
    for (name, kind, shapes, side) in [
        (
            "DnCNN-20, 256 x 256",
            "dncnn",
            shapes::dncnn as fn() -> Shapes,
            256,
        ),
        ("EDSR-baseline x4, 256 x 256", "edsr", shapes::edsr, 256),
        ("MSRResNet x4, 64 x 64", "msrresnet", shapes::msrresnet, 64),
        ("RCAN x4, 64 x 64", "rcan", shapes::rcan, 64),
        ("ESRGAN x4, 64 x 64", "rrdb", shapes::rrdb, 64),
    ] {
        if bench.arguments.asks_for(name) {
            table.push(network_row(bench, name, kind, shapes, side)?);
        }
    }
    Ok(table)
}

fn empty() -> Table {
    Table {
        title: "A plain forward pass",
        note: "Random weights of the published sizes, the same on both sides, in f32. The shortest pass of three turns \
               each; sizes are those of the input. The difference is the largest one of the outputs over the largest \
               output. Logits at every position."
            .to_owned(),
        head: vec!["pass", "Whyfinder", "PyTorch", "ratio", "difference"],
        rows: Vec::new(),
    }
}

fn row(name: String, pair: Pair, difference: Option<f32>) -> Vec<String> {
    vec![
        name,
        duration(pair.ours),
        optional(pair.theirs.map(duration)),
        optional(pair.ratio().map(|ratio| format!("{ratio:.2}"))),
        optional(difference.map(|d| format!("{d:.1e}"))),
    ]
}

fn language_rows(bench: &mut Bench, table: &mut Table) -> Result<()> {
    let name = |count: usize| format!("GPT-2 small, {count} tokens");
    let wanted: Vec<usize> = TOKENS
        .into_iter()
        .filter(|&count| bench.arguments.asks_for(&name(count)))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let (model, weights) = language::opened(bench, &GPT2_SMALL)?;
    for count in wanted {
        let ids = language::tokens(count, GPT2_SMALL.vocab);
        let tokens = Tensor::from_vec(ids.clone(), (1, count), &Device::Cpu)?;
        let run = || Ok(model.decoder.logits(&tokens, &Pass::default())?);
        let output = bench.folder.path().join("logits.safetensors");
        let order = Order {
            kind: "gpt2",
            weights: &weights,
            more: json!({ "tokens": [ids], "heads": GPT2_SMALL.heads }),
            seconds: bench.arguments.seconds,
            output: Some(&output),
        };
        let (pair, difference) = timed(bench, &run, &order, &output)?;
        table.push(row(name(count), pair, difference));
    }
    Ok(())
}

fn network_row(
    bench: &mut Bench,
    name: &str,
    kind: &str,
    shapes: fn() -> Shapes,
    side: usize,
) -> Result<Vec<String>> {
    let weights = network_weights(bench, kind, shapes)?;
    let model = open_network(path_text(&weights)?, &OpenOptions::default())?;
    let picture = picture(side)?;
    let input = bench.folder.path().join("picture.safetensors");
    picture.save_safetensors("x", &input)?;
    let output = bench.folder.path().join("output.safetensors");
    let run = || Ok(forward(&model.network, &picture, 0.0, &mut NoNodeProbe)?);
    let order = Order {
        kind,
        weights: &weights,
        more: json!({ "input": input }),
        seconds: bench.arguments.seconds,
        output: Some(&output),
    };
    let (pair, difference) = timed(bench, &run, &order, &output)?;
    Ok(row(name.to_owned(), pair, difference))
}

fn timed(
    bench: &mut Bench,
    run: &dyn Fn() -> Result<Tensor>,
    order: &Order<'_>,
    output: &Path,
) -> Result<(Pair, Option<f32>)> {
    let seconds = bench.arguments.seconds;
    let torch = &mut bench.torch;
    let pair = in_turns(
        || shortest(seconds, || run().map(drop)),
        || torch.as_mut().map(|torch| torch.seconds(order)).transpose(),
    )?;
    let difference = match torch {
        Some(_) => Some(difference(&run()?, output)?),
        None => None,
    };
    Ok((pair, difference))
}

/// The weights file of a network, written once.
pub(crate) fn network_weights(
    bench: &Bench,
    kind: &str,
    shapes: fn() -> Shapes,
) -> Result<PathBuf> {
    let path = bench.folder.path().join(format!("{kind}.safetensors"));
    if !path.is_file() {
        write(&path, &shapes().0, 2)?;
    }
    Ok(path)
}

pub(crate) fn path_text(path: &Path) -> Result<&str> {
    path.to_str().context("a path with a plain name")
}

/// A picture of even noise, `[1, side, side, 3]` in 0..=1.
pub(crate) fn picture(side: usize) -> Result<Tensor> {
    Draws::new(3).tensor(&[1, side, side, 3], 0.5, 0.5)
}
