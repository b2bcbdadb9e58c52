//! Causal traces: continued exactly, and as one full pass per cell.

use std::path::Path;

use anyhow::Result;
use candle_core::{Device, Tensor};
use serde_json::json;
use whyfinder_experiment::parse_experiment;
use whyfinder_instrument::{Budget, Observer, Report, measure};
use whyfinder_model::{LanguageModel, Pass, Unembed};

use crate::shapes::{GPT2_SMALL, Gpt2};
use crate::table::{Table, duration, optional};
use crate::timing::{in_turns, shortest};
use crate::torch::Order;
use crate::{Bench, language};

/// Tokens of the subject.
const SUBJECT: usize = 3;
const ALL: &str = "residual,mlp,attention";

/// One question, on a model of these sizes.
struct Case {
    name: String,
    sizes: Gpt2,
    tokens: usize,
    /// The subject's first token.
    subject: usize,
    kinds: &'static str,
    samples: usize,
}

impl Case {
    fn cells(&self) -> usize {
        self.kinds.split(',').count() * self.tokens * self.sizes.layers
    }
}

pub(crate) fn table(bench: &mut Bench) -> Result<Table> {
    let cases = [
        ("residual, subject at the second token", 1, "residual"),
        ("MLP, the same", 1, "mlp"),
        ("attention, the same", 1, "attention"),
        ("all three, the same", 1, ALL),
        ("all three, subject in the middle", 12, ALL),
    ]
    .map(|(name, subject, kinds)| Case {
        name: name.to_owned(),
        sizes: GPT2_SMALL,
        tokens: 24,
        subject,
        kinds,
        samples: 10,
    });
    let note = "GPT-2 small's sizes, random weights, a prompt of 24 tokens, a subject of three, ten samples, windows of \
                ten layers. Plain: one full pass per cell, of ten rows with the last token unembedded by us, of eleven \
                rows with all tokens unembedded by PyTorch, as programs that patch with hooks do; one pass is timed, \
                times the number of cells. Models are open already.";
    rows(bench, "A causal trace", note, &cases)
}

pub(crate) fn growth(bench: &mut Bench) -> Result<Table> {
    let mut cases = Vec::new();
    for layers in [4, 12, 48] {
        for tokens in [8, 64, 256] {
            cases.push(Case {
                name: format!("{layers} layers, {tokens} tokens"),
                sizes: Gpt2 {
                    layers,
                    width: 128,
                    heads: 4,
                    positions: 256,
                    vocab: 2003,
                },
                tokens,
                subject: 1,
                kinds: "residual",
                samples: 2,
            });
        }
    }
    let note = "As above, for the residual stream of smaller models (width 128, four heads), two samples, the subject at \
                the second token.";
    rows(bench, "How that grows", note, &cases)
}

fn rows(bench: &mut Bench, title: &'static str, note: &str, cases: &[Case]) -> Result<Table> {
    let mut table = Table {
        title,
        note: note.to_owned(),
        head: vec![
            "trace",
            "cells",
            "Whyfinder, exact",
            "passes left",
            "plain",
            "PyTorch",
            "plain / exact",
            "PyTorch / exact",
        ],
        rows: Vec::new(),
    };
    for case in cases {
        if bench.arguments.asks_for(&case.name) {
            let (model, weights) = language::opened(bench, &case.sizes)?;
            table.push(row(bench, case, &model, &weights)?);
        }
    }
    Ok(table)
}

fn row(
    bench: &mut Bench,
    case: &Case,
    model: &LanguageModel,
    weights: &Path,
) -> Result<Vec<String>> {
    let ids = language::tokens(case.tokens, case.sizes.vocab);
    let batch = |rows: usize| vec![ids.clone(); rows];
    let tokens = Tensor::new(batch(case.samples), &Device::Cpu)?;
    let last = Pass {
        unembed: Unembed::Last,
        ..Pass::default()
    };
    let seconds = bench.arguments.seconds;
    let order = Order {
        kind: "gpt2",
        weights,
        more: json!({ "tokens": batch(case.samples + 1), "heads": case.sizes.heads }),
        seconds,
        output: None,
    };
    let torch = &mut bench.torch;
    let pass = in_turns(
        || {
            shortest(seconds, || {
                Ok(model.decoder.logits(&tokens, &last).map(drop)?)
            })
        },
        || {
            torch
                .as_mut()
                .map(|torch| torch.seconds(&order))
                .transpose()
        },
    )?;
    let (exact, left) = traced(model, case, &ids)?;
    let cells = case.cells();
    let plain = pass.ours * cells as f64;
    let theirs = pass.theirs.map(|seconds| seconds * cells as f64);
    let times = |seconds: f64| format!("{:.1}", seconds / exact);
    Ok(vec![
        case.name.clone(),
        cells.to_string(),
        duration(exact),
        format!("{:.1} %", 100.0 * left),
        duration(plain),
        optional(theirs.map(duration)),
        times(plain),
        optional(theirs.map(times)),
    ])
}

/// Seconds, and the part of the full passes that was computed.
fn traced(model: &LanguageModel, case: &Case, ids: &[u32]) -> Result<(f64, f64)> {
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    let subject = &ids[case.subject..(case.subject + SUBJECT).min(ids.len())];
    let kinds: Vec<&str> = case.kinds.split(',').collect();
    let text = format!(
        "instrument = \"causal-trace\"\nmodel = \"timed\"\nseed = 1\n\
         [input]\nprompt = {}\nsubject = {}\n\
         [corruption]\nsamples = {}\n[trace]\nkinds = {}\n",
        quoted(language::words(ids)),
        quoted(language::words(subject)),
        case.samples,
        json!(kinds),
    );
    let experiment = parse_experiment(&text, &[] as &[String])?;
    let outcome = measure(model, &experiment, &mut Deaf, &Budget::UNLIMITED)?;
    let summary = &outcome.summary;
    Ok((summary.seconds, summary.passes / summary.passes_plain))
}

struct Deaf;

impl Observer for Deaf {
    fn report(&mut self, _report: Report) {}

    fn cancelled(&self) -> bool {
        false
    }
}
