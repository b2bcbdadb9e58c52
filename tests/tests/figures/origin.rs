//! The origin inside figures: written, read back, compared, and never believed.

use proptest::prelude::*;
use whyfinder_figure::origin::Held;
use whyfinder_figure::{Figure, Format, Looked, MapLooked, Origin, Part, Source, read_origin};

use crate::made::{
    TOKENS, attention, described, figure, figure_as, map, recorded, trace, with_predictions,
};

const FORMATS: [Format; 3] = [Format::Svg, Format::Pdf, Format::Png];

fn inside(figure: &Figure, format: Format) -> Origin {
    let bytes = figure.bytes(format, 100.0).expect("written");
    read_origin(&bytes).expect("readable").expect("there")
}

#[test]
fn every_format_brings_back_experiment_view_and_digests() {
    let mut outcome = with_predictions(trace(&TOKENS));
    outcome.provenance.model_digest = "ab12".repeat(16);
    outcome.provenance.tokenizer_digest = "cd34".repeat(16);
    let mut odd = outcome.clone();
    odd.experiment.input.prompt = Some("]]> --> <b> & \" ' \\ \u{202e} 東京 \n endstream".into());
    for outcome in [outcome, odd] {
        let figure = figure(&outcome, &["residual", "mlp.lines", "predictions"]);
        for format in FORMATS {
            let origin = inside(&figure, format);
            assert_eq!(&origin, figure.origin(), "{}", format.words());
            assert_eq!(origin.description, *figure.description());
            let source = &origin.sources[0];
            assert_eq!(source.experiment, outcome.experiment);
            assert_eq!(source.provenance, outcome.provenance);
            assert_eq!(origin.program, "whyfinder 0.1.0");
            let fields: Vec<&str> = source.numbers.iter().map(|n| n.field.as_str()).collect();
            assert_eq!(
                fields,
                [
                    "residual",
                    "mlp",
                    "distribution.clean",
                    "distribution.corrupted"
                ]
            );
        }
    }
}

#[test]
fn results_that_no_panel_shows_are_no_part_of_the_origin() {
    let (unseen, first, second) = (trace(&TOKENS), map("demo:denoise"), map("demo:sr-local"));
    let [unseen, first, second] = [&unseen, &first, &second].map(|outcome| Source {
        outcome,
        name: &outcome.experiment.model,
    });
    let mut description = described(&["effect", "effect"]);
    description.panels[0].source = 1;
    (description.panels[1].source, description.panels[1].minus) = (3, Some(1));
    let figure = Figure::new(&[unseen, first, unseen, second], &description).expect("it is drawn");
    let origin = inside(&figure, Format::Svg);
    let models: Vec<&str> = origin.sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(models, ["demo:denoise", "demo:sr-local"]);
    let panels: Vec<(usize, Option<usize>)> = origin
        .description
        .panels
        .iter()
        .map(|p| (p.source, p.minus))
        .collect();
    assert_eq!(panels, [(0, None), (1, Some(0))]);
    for (index, source) in [first, second].into_iter().enumerate() {
        let held = origin.compare(index, source.outcome);
        assert!(!held.is_empty() && held.iter().all(|(_, h)| *h == Held::Exactly));
    }
}

#[test]
fn numbers_hold_exactly_or_to_a_stated_precision() {
    for (outcome, view) in [
        (trace(&TOKENS), "residual"),
        (map("demo:denoise"), "effect"),
        (map("demo:denoise"), "counts"),
        (attention(&TOKENS, 2, 3), "atlas"),
        (recorded(300), "head:0.1"),
    ] {
        let origin = inside(&figure(&outcome, &[view]), Format::Pdf);
        let held = origin.compare(0, &outcome);
        assert!(
            !held.is_empty() && held.iter().all(|(_, h)| *h == Held::Exactly),
            "{view} {held:?}"
        );
    }
    let outcome = trace(&TOKENS);
    let origin = inside(&figure(&outcome, &["residual"]), Format::Svg);
    let mut moved = outcome.clone();
    for value in &mut moved.fields[0].values {
        *value += 1e-3;
    }
    let Held::Within { largest, spread } = origin.compare(0, &moved)[0].1 else {
        panic!("not every bit");
    };
    assert!(
        (largest - 1e-3).abs() < 1e-6 && spread > 0.5,
        "{largest} {spread}"
    );
    moved.fields.remove(0);
    assert_eq!(origin.compare(0, &moved)[0].1, Held::Missing);
}

#[test]
fn long_attention_keeps_few_numbers() {
    let words: Vec<String> = (0..120).map(|i| format!("w{i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let origin = inside(&figure(&attention(&words, 4, 4), &["atlas"]), Format::Png);
    let kept: usize = origin.sources[0]
        .numbers
        .iter()
        .map(|n| n.values.len())
        .sum();
    assert!(kept <= 16_384 && kept > 8_000, "{kept}");
}

#[test]
fn what_holds_no_origin_is_told_from_what_holds_a_bad_one() {
    let picture = include_bytes!("../../../assets/pictures/tree.png");
    let icon = include_bytes!("../../../assets/icons/whyfinder.svg");
    let others: [&[u8]; 5] = [
        b"",
        b"%PDF-1.7 nothing",
        picture,
        icon,
        b"{\"sources\": []}",
    ];
    for bytes in others {
        assert!(read_origin(bytes).expect("no error").is_none());
    }
    let svg = figure(&trace(&TOKENS), &["mlp"]).svg().expect("written");
    let newer = svg.replace("&quot;format&quot;:2,", "&quot;format&quot;:7,");
    let message = read_origin(newer.as_bytes())
        .expect_err("a newer one")
        .to_string();
    assert!(
        message.contains("newer Whyfinder") && message.contains('7'),
        "{message}"
    );
    let bad = svg.replace("causal-trace", "casual-trace");
    let message = read_origin(bad.as_bytes())
        .expect_err("no such instrument")
        .to_string();
    assert!(
        message.contains("cannot") || message.contains("not in a way"),
        "{message}"
    );
    // A document type could name entities that grow without end.
    let bomb = svg.replacen("<svg", "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg", 1);
    assert!(read_origin(bomb.as_bytes()).expect("no error").is_none());
}

#[test]
fn how_the_window_showed_it_comes_back_and_nonsense_is_refused() {
    let mut description = described(&["residual", "effect"]);
    description.panels.pop();
    let map = MapLooked {
        zoom: 2.5,
        origin: [0.1, 0.25],
        range: Some([-0.5, 2.0]),
    };
    description.looked = Some(Looked {
        maps: [("trace".to_string(), map)].into(),
        threshold: Some(0.2),
        flipped: true,
        regions: vec![[1, 2, 3, 4]],
        ..Looked::default()
    });
    description.panels[0].part = Some(Part {
        rows: [0, 4],
        columns: [2, 8],
    });
    let figure = figure_as(&trace(&TOKENS), &description);
    for format in FORMATS {
        assert_eq!(inside(&figure, format).description, description);
    }
    let json = figure.origin().to_json().expect("JSON");
    for (from, to) in [
        ("\"zoom\":2.5", "\"zoom\":0.5"),
        ("\"zoom\":2.5", "\"zoom\":1e300"),
        ("[0.1,0.25]", "[-0.1,0.25]"),
        ("[-0.5,2.0]", "[2.0,-0.5]"),
        ("[1,2,3,4]", "[1,2,0,4]"),
        ("[1,2,3,4]", "[1,2,3,99999999999]"),
    ] {
        assert!(json.contains(from), "{from}: {json}");
        let message = Origin::from_json(&json.replace(from, to))
            .expect_err(to)
            .to_string();
        assert!(message.ends_with('.'), "{message}");
    }
}

#[test]
fn parts_that_a_map_does_not_have_are_told() {
    let source = trace(&TOKENS);
    let source = [Source {
        outcome: &source,
        name: "one",
    }];
    for (view, rows, said) in [
        ("residual", [10, 12], "10 rows and 8 columns"),
        ("residual", [4, 4], "10 rows and 8 columns"),
        ("residual.lines", [0, 2], "Only maps and pictures"),
    ] {
        let mut description = described(&[view]);
        description.panels[0].part = Some(Part {
            rows,
            columns: [0, 2],
        });
        let message = Figure::new(&source, &description)
            .expect_err("it has no such part")
            .to_string();
        assert!(
            message.contains(said) && message.ends_with('.'),
            "{message}"
        );
    }
}

#[test]
fn a_rewritten_pdf_still_brings_it_back() {
    let pdf = figure(&trace(&TOKENS), &["mlp"]).pdf().expect("written");
    // As tools that store lengths apart write them.
    let at = pdf
        .windows(13)
        .position(|w| w == b"/EmbeddedFile")
        .expect("an attachment");
    let dictionary = pdf[..at]
        .windows(3)
        .rposition(|w| w == b"obj")
        .expect("its object");
    let length = pdf[dictionary..]
        .windows(8)
        .position(|w| w == b"/Length ")
        .expect("its length")
        + dictionary;
    let mut rewritten = pdf.clone();
    rewritten[length..length + 8].copy_from_slice(b"/Lxxxxx ");
    assert!(read_origin(&rewritten).expect("readable").is_some());
}

fn samples() -> Vec<Vec<u8>> {
    let figure = figure(&trace(&TOKENS[..4]), &["mlp"]);
    FORMATS
        .iter()
        .map(|f| figure.bytes(*f, 40.0).expect("written"))
        .collect()
}

/// JSON of any kind, and values that settings have.
fn part() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        prop::sample::select(vec![
            "residual", "effect", "svg", "lam", "serif", "1e9cm", "head 0.0"
        ])
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        prop::collection::vec(any::<u64>().prop_map(Value::from), 0..6).prop_map(Value::from),
        Just(json!([[null, -1], {"a": [1e300]}])),
    ]
}

/// Pointers to every part of a record.
fn places(value: &serde_json::Value, at: String) -> Vec<String> {
    let mut all = vec![at.clone()];
    match value {
        serde_json::Value::Object(parts) => {
            for (name, part) in parts {
                let name = name.replace('~', "~0").replace('/', "~1");
                all.extend(places(part, format!("{at}/{name}")));
            }
        }
        serde_json::Value::Array(parts) => {
            for (i, part) in parts.iter().enumerate().take(8) {
                all.extend(places(part, format!("{at}/{i}")));
            }
        }
        _ => {}
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Files that were cut, changed or made up end with an answer, not a panic.
    #[test]
    fn malformed_files_are_survived(
        which in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in any::<prop::sample::Index>(),
        keep in any::<bool>(),
    ) {
        static SAMPLES: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(samples);
        let mut bytes = SAMPLES[which].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !keep {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = read_origin(&bytes) {
            let message = error.to_string();
            prop_assert!(message.ends_with('.') && message.len() < 600, "{}", message);
        }
    }

    /// A good record with parts of it exchanged for others: what still reads is written and read again as it is.
    #[test]
    fn records_with_other_parts_are_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), part()), 1..4),
    ) {
        static RECORD: std::sync::LazyLock<serde_json::Value> = std::sync::LazyLock::new(|| {
            let origin = inside(&figure(&trace(&TOKENS[..4]), &["residual", "mlp.lines"]), Format::Svg);
            serde_json::from_str(&origin.to_json().expect("JSON")).expect("JSON")
        });
        let mut record = RECORD.clone();
        for (which, part) in changes {
            let places = places(&record, String::new());
            let place = &places[which.index(places.len())];
            *record.pointer_mut(place).expect("it is there") = part;
        }
        match Origin::from_json(&record.to_string()) {
            Ok(origin) => {
                let again = Origin::from_json(&origin.to_json().expect("JSON")).expect("reads");
                prop_assert_eq!(again.to_json().expect("JSON"), origin.to_json().expect("JSON"));
                // Whatever it says, another run can be set beside it.
                for source in 0..origin.sources.len() {
                    origin.compare(source, &trace(&TOKENS[..4]));
                }
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(message.ends_with('.') && message.len() < 600, "{}", message);
            }
        }
    }

    #[test]
    fn made_up_records_are_survived(text in "\\PC{0,200}", number in any::<u32>()) {
        let _ = Origin::from_json(&text);
        let _ = Origin::from_json(&format!("{{\"format\": {number}, \"program\": \"\", \"description\": {text}, \"sources\": []}}"));
        let _ = read_origin(text.as_bytes());
        let _ = read_origin(format!("<svg xmlns='x'><o xmlns='urn:whyfinder:origin'>{text}</o></svg>").as_bytes());
    }
}
