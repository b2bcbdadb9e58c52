//! Tokens of all scripts, long prompts, and what no font has.

use whyfinder_figure::Description;

use crate::made::{TOKENS, attention, described, figure, figure_as, recorded, trace};
use crate::pdf_reader::Pdf;
use crate::svg_reader::texts;

#[test]
fn text_of_all_directions_is_there_as_text() {
    let tokens = ["The", " שלום", " مرحبا", "ש", " Æsir", " Łódź", " Ωμέγα"];
    let figure = figure(&trace(&tokens), &["residual"]);
    let svg = texts(&figure.svg().expect("written"));
    let pdf = Pdf::read(&figure.pdf().expect("written")).texts();
    // A PDF has the signs of a line from left to right; its readers turn those from right to left round.
    let signs = |lines: &[String]| -> Vec<Vec<char>> {
        let sorted = |line: &String| {
            let mut signs: Vec<char> = line.chars().collect();
            signs.sort_unstable();
            signs
        };
        lines.iter().map(sorted).collect()
    };
    assert_eq!(signs(&svg), signs(&pdf));
    let missing = !figure.notices().is_empty();
    for word in ["␣Æsir*", "␣Łódź", "␣Ωμέγα"] {
        assert!(svg.iter().any(|l| l == word), "{word}: {svg:?}");
    }
    // The bundled serif has Hebrew.
    assert!(svg.iter().any(|l| l == "␣שלום"), "{svg:?}");
    // Arabic is there, or it is told that no font has it.
    assert_eq!(missing, !svg.iter().any(|l| l == "␣مرحبا*"), "{svg:?}");
}

#[test]
fn what_no_font_has_is_told_by_its_code() {
    let tokens = ["a", " \u{10fffd}x", "🗼"];
    let figure = figure(&trace(&tokens), &["mlp"]);
    let lines = texts(&figure.svg().expect("written"));
    assert!(lines.iter().any(|l| l.contains("U+10FFFD")), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|l| l.contains("U+1F5FC") || l.contains('🗼')),
        "{lines:?}"
    );
    assert_eq!(figure.notices().len(), 1);
    assert!(figure.notices()[0].starts_with("No font of this machine has"));
}

#[test]
fn long_prompts_and_large_models_fit_the_page() {
    let words = [
        " internationalisation",
        "東京都庁舎",
        "שלום",
        "\n",
        "\u{7}",
        "&<>\"'",
        "",
        "नमस्ते",
        " word",
    ];
    let many: Vec<&str> = words.iter().cycle().take(60).copied().collect();
    let figure = figure(&trace(&many), &["residual", "mlp"]);
    let lines = texts(&figure.svg().expect("written"));
    for said in ["⏎", "&<>\"'", "␣internationa…", "∅"] {
        assert!(
            // Not every row of so many is labelled.
            lines.iter().any(|l| l.contains(said)),
            "{said}: {lines:?}"
        );
    }
    let [width, height] = figure.size();
    assert!(height < 3.0 * width, "{width} x {height}");
    let large = figure_as(
        &attention(&many, 12, 12),
        &Description {
            size: 5.0,
            ..described(&["atlas", "head:5.3"])
        },
    );
    assert!(large.png(150.0).is_ok());
    assert!(
        figure_as(
            &attention(&[" a"], 1, 1),
            &described(&["atlas", "head:0.0"])
        )
        .pdf()
        .is_ok()
    );
}

#[test]
fn recorded_attention_is_drawn_from_its_overview_and_from_its_single_weights() {
    let outcome = recorded(300);
    let lines = texts(&figure(&outcome, &["atlas"]).svg().expect("written")).join(" ");
    assert!(lines.contains("the largest of 4 × 4 weights"), "{lines}");
    let part = figure(&outcome, &["head:0.1@100-104"]);
    let csv = part.csv();
    // All scores are equal: each query attends to all keys before it alike.
    let row: Vec<&str> = csv.lines().nth(1).expect("a cell").split(',').collect();
    let weight: f32 = row[5].parse().expect("a number");
    assert_eq!((row[3], row[4]), ("␣w100", "␣w100"));
    assert!((weight - 1.0 / 101.0).abs() < 1e-6, "{weight}");
    assert!(csv.contains("␣w101,␣w102,,,,masked"), "{csv}");
}

#[test]
fn the_telling_head_ignores_the_first_token_and_itself() {
    let lines = texts(
        &figure(&attention(&TOKENS, 8, 8), &["head:5.3"])
            .svg()
            .expect("written"),
    );
    let all = lines.join(" ");
    assert!(
        all.contains("the last token attends most to ␣Tower"),
        "{all}"
    );
    let views = whyfinder_figure::views_of(&attention(&TOKENS, 8, 8));
    assert_eq!(views[1].to_string(), "head:5.3");
}

#[test]
fn harm_is_shown_in_a_diverging_map() {
    let mut outcome = trace(&TOKENS);
    outcome.fields[0].values[11] = -0.5;
    let lines = texts(&figure(&outcome, &["residual"]).svg().expect("written")).join("\n");
    for said in [
        "−0.85",
        ".93 clean",
        "centre: corrupted; red above it, blue below",
    ] {
        assert!(lines.contains(said), "{said}: {lines}");
    }
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
    let figure = figure(&outcome, &["attention", "mlp"]);
    let lines = texts(&figure.svg().expect("written")).join("\n");
    assert!(lines.contains("50 of 80 cells"), "{lines}");
    let csv = figure.csv();
    assert_eq!(csv.matches(",not measured").count(), 30);
    assert_eq!(csv.matches(",not finite").count(), 1);
}
