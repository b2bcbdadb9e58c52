//! Against programs of others: poppler, which `cargo xtask test` installs, and LaTeX, where it is installed:
//! `cargo test --release --workspace --test figures -- --ignored` (Debian: `texlive-latex-recommended texlive-pictures`).

use std::path::Path;
use std::process::Command;

use whyfinder_figure::{Description, Format, Length, save};

use crate::made::{TOKENS, described, figure_as, map, trace, with_predictions};

fn run(folder: &Path, program: &str, words: &[&str]) -> String {
    let output = Command::new(program)
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|e| panic!("{program} is needed: {e}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {said}");
    said
}

#[test]
fn poppler_reads_the_text_and_finds_the_fonts_embedded() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = with_predictions(trace(&["The", " שלום", "<|bos|>", " Tower", " is", " of"]));
    for font in ["sans", "serif"] {
        let description = Description {
            font: font.into(),
            width: Length::DOUBLE,
            ..described(&["residual", "mlp.lines", "predictions"])
        };
        let pdf = figure_as(&outcome, &description).pdf().expect("written");
        save(&folder.path().join("f.pdf"), &pdf).expect("writes");
        let text = run(folder.path(), "pdftotext", &["f.pdf", "-"]);
        for said in [
            "Residual stream",
            "<|bos|>*",
            "␣Tower",
            "probability of ␣Brelle",
            "שלום",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        let fonts = run(folder.path(), "pdffonts", &["f.pdf"]);
        for line in fonts.lines().skip(2) {
            assert!(line.contains("yes yes yes"), "{fonts}");
        }
    }
}

#[test]
#[ignore = "needs pdflatex with pgfplots"]
fn latex_takes_the_plots_and_the_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let traced = with_predictions(trace(&TOKENS));
    let mapped = map("demo:denoise");
    for (outcome, views) in [
        (
            &traced,
            &["residual", "mlp", "residual.lines", "predictions"][..],
        ),
        (&mapped, &["effect", "counts"][..]),
    ] {
        let description = Description {
            width: Length::DOUBLE,
            ..described(views)
        };
        let figure = figure_as(outcome, &description);
        let tex = figure.bytes(Format::Tex, 0.0).expect("written");
        save(&folder.path().join("f.tex"), &tex).expect("writes");
        run(
            folder.path(),
            "pdflatex",
            &["-interaction=nonstopmode", "-halt-on-error", "f.tex"],
        );
        let table = format!(
            "\\documentclass{{article}}\\usepackage{{textcomp,booktabs,amssymb}}\\begin{{document}}{}\\end{{document}}",
            figure.latex_table()
        );
        save(&folder.path().join("t.tex"), table.as_bytes()).expect("writes");
        run(
            folder.path(),
            "pdflatex",
            &["-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        );
    }
}
