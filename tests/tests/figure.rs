//! Figures on paper: their words, their numbers, their pixels.

use std::sync::Arc;

use std::collections::BTreeMap;
use whyfinder_experiment::attention::{
    AttentionForm, AttentionRecord, AttentionSizes, RecordParts,
};

use whyfinder_experiment::{
    Axis, Corruption, Experiment, Field, Input, InstrumentSettings, Metric, Outcome, Part,
    Provenance, RunSettings, Site, TraceSettings,
    outcome::{Summary, TokenProbability},
};
use whyfinder_figure::{
    FigureError, Svg, attention_figure, save, strongest_head, svg_to_png, trace_figure,
};
use whyfinder_paint::{MapArray, MapShape, Theme};

const TOKENS: [&str; 10] = [
    "<|bos|>", "The", " Or", "vane", " Tower", " is", " in", " the", " city", " of",
];
const LAYERS: usize = 8;

fn experiment(instrument: InstrumentSettings) -> Experiment {
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

fn outcome(instrument: InstrumentSettings, fields: Vec<Field>, tokens: &[&str]) -> Outcome {
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
fn trace_field(name: &str, tokens: &[&str], bumps: &[(usize, usize, f32)]) -> Field {
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

fn trace(tokens: &[&str]) -> Outcome {
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
fn attention(tokens: &[&str], layers: usize, heads: usize) -> Outcome {
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

/// Checks that the figure becomes pixels, and keeps it where `WHYFINDER_KEEP_FIGURES` says, to be looked at.
fn png(name: &str, svg: &Svg, scale: f32) -> image::RgbaImage {
    let bytes = svg_to_png(svg, scale).expect("valid SVG");
    let carries = |text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(carries("iTXtexperiment\0") && carries(&svg.experiment));
    let experiment: Result<Experiment, _> = serde_json::from_str(&svg.experiment);
    assert_eq!(experiment.expect("JSON").model, "demo:isles");
    if let Some(folder) = std::env::var_os("WHYFINDER_KEEP_FIGURES") {
        let path = std::path::Path::new(&folder).join(name);
        save(&path.with_extension("png"), &bytes).expect("the folder is there");
        save(&path.with_extension("svg"), svg.text.as_bytes()).expect("the folder is there");
    }
    let picture = image::load_from_memory(&bytes).expect("a PNG").to_rgba8();
    let side = |length: f32| (length * scale).round() as u32;
    assert_eq!(picture.dimensions(), (side(svg.width), side(svg.height)));
    picture
}

/// The words of a figure without its markup.
fn words(svg: &Svg) -> String {
    let mut words = String::new();
    let mut inside = false;
    for c in svg.text.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => words.push(c),
            _ => {}
        }
    }
    words
}

fn assert_says(svg: &Svg, expected: &[&str]) {
    let words = words(svg);
    for word in expected {
        assert!(words.contains(word), "{word} is missing from\n{words}");
    }
}

#[test]
fn a_trace_says_what_of_what_and_how_measured() {
    for (theme, name) in [(Theme::Dark, "trace_dark"), (Theme::Light, "trace_light")] {
        let svg = trace_figure(&trace(&TOKENS), theme).expect("drawn");
        assert_says(
            &svg,
            &[
                "probability of ␣Brelle after restoring one site",
                "floor = corrupted 0.042 ± 0.011",
                "clean 0.931",
                "hatched: |effect| &lt; 2 s.e.",
                "Residual stream",
                "window 3",
                "&lt;|bos|&gt;",
                "␣Tower*",
                "noise 3 σ on the subject (*), 10 samples, seed 1",
                "demo:isles",
                "whyfinder 0.1.0",
                "at ␣of, layer 7",
                "causal-trace",
            ],
        );
        assert!(svg.text.contains("<metadata>"));
        let picture = png(name, &svg, 2.0);
        let ground = picture.get_pixel(1, 1).0;
        assert_eq!(ground[3], 255);
        // The maps are there: some pixels are far from grey.
        let vivid = picture
            .pixels()
            .filter(|p| p.0[2].abs_diff(p.0[1]) > 60)
            .count();
        assert!(vivid > 2000, "{vivid}");
    }
}

#[test]
fn the_peak_is_the_largest_effect_with_its_error() {
    let outcome = trace(&TOKENS);
    let field = outcome.field("mlp").expect("made above");
    let index = 4 * LAYERS + 2;
    let effect = field.values[index] - 0.042;
    let stderr = field.stderr.as_ref().expect("sampled")[index];
    let svg = trace_figure(&outcome, Theme::Light).expect("drawn");
    assert_says(
        &svg,
        &[&format!(
            "peak +{effect:.3} ± {stderr:.3} at ␣Tower, layer 2"
        )],
    );
}

#[test]
fn cells_are_hatched_where_the_effect_is_small_and_only_there() {
    let mut outcome = trace(&TOKENS);
    outcome.fields.truncate(1);
    let lines = |outcome: &Outcome| {
        let svg = trace_figure(outcome, Theme::Dark).expect("drawn");
        svg.text.matches("<path").count()
    };
    assert!(lines(&outcome) > 0);
    let field = &mut outcome.fields[0];
    field.stderr = Some(vec![1e-9; field.values.len()]);
    for v in &mut field.values {
        *v += 1e-3;
    }
    assert_eq!(lines(&outcome), 0);
}

#[test]
fn harm_is_shown_in_a_diverging_map() {
    let mut outcome = trace(&TOKENS);
    let field = &mut outcome.fields[0];
    field.values[11] = -0.5;
    let svg = trace_figure(&outcome, Theme::Light).expect("drawn");
    assert_says(
        &svg,
        &[
            "middle = corrupted 0.042",
            "\n−0.85\n",
            "\n.93 clean\n",
            "\ncorrupted\n",
        ],
    );
    png("trace_signed", &svg, 2.0);
    outcome.fields[0].values[11] = 0.03;
    let svg = trace_figure(&outcome, Theme::Light).expect("drawn");
    assert_says(&svg, &["floor = corrupted 0.042", "≤.04 corrupted"]);
}

#[test]
fn an_unfinished_trace_says_how_far_it_is() {
    let mut outcome = trace(&TOKENS);
    let field = &mut outcome.fields[2];
    for cell in 50..80 {
        field.mask[cell] = false;
        field.values[cell] = f32::NAN;
    }
    outcome.fields[1].values[3] = f32::NAN;
    let svg = trace_figure(&outcome, Theme::Dark).expect("drawn");
    assert_says(&svg, &["50 of 80 cells measured"]);
    png("trace_unfinished", &svg, 2.0);
}

#[test]
fn attention_shows_all_heads_and_the_telling_one() {
    for (theme, name) in [
        (Theme::Dark, "attention_dark"),
        (Theme::Light, "attention_light"),
    ] {
        let svg = attention_figure(&attention(&TOKENS, 8, 8), theme).expect("drawn");
        assert_says(
            &svg,
            &[
                "64 heads",
                "Layer 5 · head 3",
                "chosen: the last token attends most to ␣Tower",
            ],
        );
        png(name, &svg, 2.0);
    }
}

#[test]
fn the_telling_head_ignores_the_first_token_and_itself() {
    let shape = MapShape {
        rows: 2,
        columns: 2,
        height: 3,
        width: 3,
    };
    let mut values = vec![0.0; 36];
    values[6] = 0.9; // head 0: the first token
    values[9 + 8] = 0.8; // head 1: itself
    values[18 + 7] = 0.3; // head 2: the one between
    let atlas = MapArray::new(shape, values).expect("fits");
    assert_eq!(strongest_head(&atlas), (1, 0));
}

#[test]
fn long_prompts_large_models_and_all_scripts_fit() {
    let words = [
        " internationalisation",
        "東京都庁舎",
        "שלום",
        "مرحبا",
        "🗼",
        "\n",
        "\u{7}",
        "&<>\"'",
        "",
        "नमस्ते",
        " word",
    ];
    let many: Vec<&str> = words.iter().cycle().take(60).copied().collect();
    let svg = trace_figure(&trace(&many), Theme::Light).expect("drawn");
    assert_says(&svg, &["⏎", "&amp;&lt;&gt;", "␣internationali…"]);
    let picture = png("trace_long", &svg, 1.0);
    assert!(
        picture.width() < 1400 && picture.height() < 1000,
        "{:?}",
        picture.dimensions()
    );
    let svg = attention_figure(&attention(&many, 12, 12), Theme::Dark).expect("drawn");
    png("attention_long", &svg, 1.0);
    let svg = attention_figure(&attention(&[" a"], 1, 1), Theme::Dark).expect("drawn");
    png("attention_one_token", &svg, 1.0);
}

#[test]
fn other_metrics_bring_their_units_and_foil() {
    let mut outcome = trace(&TOKENS);
    outcome.summary.foil = Some(TokenProbability {
        id: 8,
        text: " Kasdin".into(),
        probability: 0.02,
        logit: 1.0,
    });
    let set = |outcome: &mut Outcome, metric: Metric| {
        outcome.experiment.instrument = InstrumentSettings::CausalTrace {
            corruption: Corruption::Replace {
                prompt: "Another".into(),
            },
            trace: TraceSettings {
                metric,
                window: 1,
                ..TraceSettings::default()
            },
        };
        trace_figure(outcome, Theme::Light).expect("drawn")
    };
    let svg = set(&mut outcome, Metric::LogitDifference);
    assert_says(
        &svg,
        &[
            "logit difference of ␣Brelle over ␣Kasdin",
            "corrupted prompt “Another”",
        ],
    );
    assert!(!svg.text.contains("window 1"));
    let svg = set(&mut outcome, Metric::LogProbability);
    assert_says(&svg, &["log probability of ␣Brelle, nats, after"]);
}

#[test]
fn recorded_attention_is_drawn_from_its_overview() {
    let tokens = 300;
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
        log_sum: vec![0.0; 2 * tokens],
        mean: vec![0.1; 2 * side * side],
        max: (0..2 * side * side).map(|i| (i % 9) as f32 / 9.0).collect(),
    });
    let words: Vec<String> = (0..tokens).map(|i| format!(" w{i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut outcome = attention(&words, 0, 0);
    outcome.attention = vec![Arc::new(record.expect("fits"))];
    let svg = attention_figure(&outcome, Theme::Light).expect("drawn");
    assert_says(
        &svg,
        &["the largest of 4 × 4 weights", "300 tokens", "2 heads"],
    );
    png("recorded", &svg, 2.0);
}

#[test]
fn what_cannot_be_drawn_is_said_in_a_sentence() {
    let message = trace_figure(&attention(&TOKENS, 2, 2), Theme::Dark)
        .expect_err("no trace")
        .to_string();
    assert!(
        message.contains("causal-trace") && message.contains("blocks.0.attn"),
        "{message}"
    );
    let message = attention_figure(&trace(&TOKENS), Theme::Dark)
        .expect_err("no attention")
        .to_string();
    assert!(message.contains("blocks.*.attn.hook_pattern"), "{message}");
    let svg = trace_figure(&trace(&TOKENS), Theme::Dark).expect("drawn");
    for scale in [0.0, f32::NAN, 1e6] {
        assert!(matches!(
            svg_to_png(&svg, scale),
            Err(FigureError::TooLarge { .. })
        ));
    }
}
