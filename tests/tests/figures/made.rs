//! Outcomes as instruments would give them, and figures of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use whyfinder_experiment::attention::{
    AttentionForm, AttentionRecord, AttentionSizes, RecordParts,
};
use whyfinder_experiment::outcome::{
    Distribution, EffectCounts, ImageSummary, Summary, TokenProbability,
};
use whyfinder_experiment::{
    Axis, Corruption, Experiment, Field, Input, InstrumentSettings, Outcome, Part, Provenance,
    RunSettings, Site, TraceSettings, parse_experiment,
};
use whyfinder_figure::{Description, Figure, Panel, Source, View};

pub(crate) const TOKENS: [&str; 10] = [
    "<|bos|>", "The", " Or", "vane", " Tower", " is", " in", " the", " city", " of",
];
pub(crate) const LAYERS: usize = 8;

pub(crate) fn experiment(instrument: InstrumentSettings) -> Experiment {
    Experiment {
        model: "demo:isles".into(),
        seed: 1,
        input: Input {
            prompt: Some("The Orvane Tower is in the city of".into()),
            subject: Some("Orvane Tower".into()),
            ..Input::default()
        },
        instrument,
    }
}

pub(crate) fn outcome(
    instrument: InstrumentSettings,
    fields: Vec<Field>,
    tokens: &[&str],
) -> Outcome {
    let reference = BTreeMap::from([("clean".into(), 0.931), ("corrupted".into(), 0.042)]);
    Outcome {
        experiment: experiment(instrument),
        fields,
        summary: Summary {
            reference,
            reference_stderr: BTreeMap::from([("corrupted".into(), 0.011)]),
            metric: "probability".into(),
            answer: Some(TokenProbability {
                id: 7,
                text: " Brelle".into(),
                probability: 0.931,
                logit: 9.0,
            }),
            tokens: tokens.iter().map(|t| t.to_string()).collect(),
            subject: Some([2, 5]),
            ..Summary::default()
        },
        provenance: Provenance {
            program: "whyfinder 0.1.0".into(),
            ..Provenance::default()
        },
        distributions: Vec::new(),
        attention: Vec::new(),
    }
}

/// A field with a bump at each of the given cells and small noise elsewhere.
pub(crate) fn trace_field(name: &str, tokens: &[&str], bumps: &[(usize, usize, f32)]) -> Field {
    let labels = tokens.iter().map(|t| t.to_string()).collect();
    let axes = vec![Axis::text("token", labels), Axis::numbered("layer", LAYERS)];
    let mut field = Field::sampled(name, axes, 4);
    for token in 0..tokens.len() {
        for layer in 0..LAYERS {
            let effect: f32 = bumps
                .iter()
                .map(|&(t, l, height)| {
                    let away = (l as f32 - layer as f32).abs();
                    if t == token {
                        height * (-away * away / 6.0).exp()
                    } else {
                        0.0
                    }
                })
                .sum();
            let wobble = ((token * 7 + layer * 13) % 5) as f32 * 0.004;
            let mean = 0.042 + effect;
            let spread = 0.01 + wobble;
            let samples = [mean - spread, mean, mean + spread, mean + wobble / 2.0];
            field.set_samples(token * LAYERS + layer, &samples);
        }
    }
    field
}

pub(crate) fn trace(tokens: &[&str]) -> Outcome {
    let last = tokens.len() - 1;
    let fields = vec![
        trace_field(
            "residual",
            tokens,
            &[(4, 2, 0.68), (last, 7, 0.88), (3, 0, 0.15)],
        ),
        trace_field("mlp", tokens, &[(4, 2, 0.52), (last, 7, 0.1)]),
        trace_field("attention", tokens, &[(4, 1, 0.06), (last, 6, 0.31)]),
    ];
    let instrument = InstrumentSettings::CausalTrace {
        corruption: Corruption::default(),
        trace: TraceSettings {
            window: 3,
            ..TraceSettings::default()
        },
    };
    outcome(instrument, fields, tokens)
}

/// Attention of 8 x 8 heads; head 3 of layer 5 looks from the last token at token 4.
pub(crate) fn attention(tokens: &[&str], layers: usize, heads: usize) -> Outcome {
    let n = tokens.len();
    let fields = (0..layers)
        .map(|layer| {
            let mut values = Vec::new();
            for head in 0..heads {
                for query in 0..n {
                    let score = |key: usize| -> f32 {
                        if layer == 5 % layers
                            && head == 3 % heads
                            && query == n - 1
                            && key == 4 % n
                        {
                            return 5.0;
                        }
                        match (layer * heads + head) % 4 {
                            0 => {
                                if key == 0 {
                                    3.0
                                } else {
                                    0.0
                                }
                            }
                            1 => {
                                if key == query {
                                    3.0
                                } else {
                                    0.2
                                }
                            }
                            2 => {
                                if key + 1 == query {
                                    2.5
                                } else {
                                    0.0
                                }
                            }
                            _ => ((key * 5 + query * 3 + head) % 7) as f32 * 0.2,
                        }
                    };
                    let exps: Vec<f32> = (0..=query).map(|k| score(k).exp()).collect();
                    let sum: f32 = exps.iter().sum();
                    values.extend((0..n).map(|k| exps.get(k).map_or(0.0, |e| e / sum)));
                }
            }
            let axes = vec![
                Axis::numbered("head", heads),
                Axis::numbered("query", n),
                Axis::numbered("key", n),
            ];
            Field::measured(&Site::block(layer, Part::Pattern).to_string(), axes, values)
                .expect("fits")
        })
        .collect();
    let instrument = InstrumentSettings::Run {
        run: RunSettings::default(),
    };
    outcome(instrument, fields, tokens)
}

/// Recorded attention of one layer of two heads, without any pattern.
pub(crate) fn recorded(tokens: usize) -> Outcome {
    let sizes = AttentionSizes {
        tokens,
        heads: 2,
        groups: 1,
        width: 1,
    };
    let side = sizes.side(sizes.overview_level());
    let record = AttentionRecord::new(RecordParts {
        layer: 0,
        form: AttentionForm {
            scale: 1.0,
            softcap: None,
            window: None,
            prefix: 0,
        },
        sizes,
        queries: vec![0.0; tokens * 2],
        keys: vec![0.0; tokens],
        top: vec![0.0; 2 * tokens],
        log_sum: (0..2 * tokens)
            .map(|i| ((i % tokens + 1) as f32).ln())
            .collect(),
        mean: vec![0.1; 2 * side * side],
        max: (0..2 * side * side).map(|i| (i % 9) as f32 / 9.0).collect(),
    });
    let words: Vec<String> = (0..tokens).map(|i| format!(" w{i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut outcome = attention(&words, 0, 0);
    outcome.attention = vec![Arc::new(record.expect("fits"))];
    outcome
}

/// A causal effect map of 4 x 6 blocks of 8 pixels; the region is the block in row 1, column 2.
pub(crate) fn map(model: &str) -> Outcome {
    let text = format!(
        "instrument = \"causal-effect-map\"\nmodel = \"{model}\"\n[input]\ntruth = \"picture:towers\"\nregion = [16, 8, 8, 8]\n"
    );
    let experiment = parse_experiment(&text, &[]).expect("it can be meant");
    let (rows, columns) = (4, 6);
    let axes = || {
        vec![
            Axis::numbered("row", rows),
            Axis::numbered("column", columns),
        ]
    };
    let mut effect = Field::sampled("effect", axes(), 3);
    for cell in 0..rows * columns {
        let mean = match cell {
            8 => 3.0,
            7 => 0.6,
            9 => -0.4,
            14 => 0.05,
            _ => 0.0,
        };
        let spread = if mean == 0.0 { 0.0 } else { 0.1 };
        effect.set_samples(cell, &[mean - spread, mean, mean + spread]);
    }
    let reachable = (0..rows * columns)
        .map(|i| f32::from(u8::from(i % columns < 5)))
        .collect();
    let picture = |name: &str| {
        let axes = vec![
            Axis::numbered("y", 8 * rows),
            Axis::numbered("x", 8 * columns),
            Axis::numbered("channel", 3),
        ];
        let values = (0..64 * rows * columns * 3)
            .map(|i| (i % 97) as f32 / 96.0)
            .collect();
        Field::measured(name, axes, values).expect("fits")
    };
    let fields = vec![
        effect,
        Field::measured("reachable", axes(), reachable).expect("fits"),
        picture("input"),
        picture("output"),
    ];
    let instrument = experiment.instrument.clone();
    let mut outcome = outcome(instrument, fields, &[]);
    outcome.experiment = experiment;
    outcome.summary.image = Some(ImageSummary {
        input_size: [48, 32],
        output_size: [48, 32],
        channels: 3,
        scale: 1,
        task: "denoise".into(),
        sigma: Some(50.0),
        region: Some([16, 8, 8, 8]),
        block: Some(8),
        truth: true,
        ..ImageSummary::default()
    });
    outcome.summary.effects = Some(EffectCounts {
        positive: 2,
        negative: 1,
        zero: 20,
        significant_positive: 1,
        significant_negative: 1,
        region: 1,
        ..EffectCounts::default()
    });
    outcome.summary.reference = BTreeMap::from([("psnr".into(), 24.5)]);
    outcome
}

pub(crate) fn with_predictions(mut outcome: Outcome) -> Outcome {
    let token = |text: &str, probability| TokenProbability {
        id: 1,
        text: text.into(),
        probability,
        logit: 0.0,
    };
    outcome.distributions = vec![
        Distribution {
            name: "clean".into(),
            top: vec![token(" Brelle", 0.931), token(" Or", 0.02)],
        },
        Distribution {
            name: "corrupted".into(),
            top: vec![token(" Or", 0.3), token(" Brelle", 0.042)],
        },
    ];
    outcome
}

pub(crate) fn described(views: &[&str]) -> Description {
    Description {
        panels: views
            .iter()
            .map(|view| Panel::of(0, view.parse::<View>().expect("a view")))
            .collect(),
        ..Description::default()
    }
}

pub(crate) fn figure(outcome: &Outcome, views: &[&str]) -> Figure {
    figure_as(outcome, &described(views))
}

pub(crate) fn figure_as(outcome: &Outcome, description: &Description) -> Figure {
    let source = Source {
        outcome,
        name: "one",
    };
    Figure::new(&[source], description).expect("drawn")
}

/// A map over the picture of the map's own size, as the relatives of effect maps have it.
pub(crate) fn relative(instrument: &str, field: &str, value: fn(usize, usize) -> f32) -> Outcome {
    let text = format!(
        "instrument = \"{instrument}\"\nmodel = \"demo:sr-local\"\n[input]\ntruth = \"picture:towers\"\nregion = [16, 8, 8, 8]\n"
    );
    let mut outcome = map("demo:sr-local");
    outcome.experiment = parse_experiment(&text, &[]).expect("it can be meant");
    outcome.fields.retain(|f| f.name == "input");
    let axes = vec![Axis::numbered("y", 32), Axis::numbered("x", 48)];
    let cells = (0..32).flat_map(|y| (0..48).map(move |x| value(y, x)));
    let made = Field::measured(field, axes, cells.collect()).expect("fits");
    outcome.fields.insert(0, made);
    outcome
}
