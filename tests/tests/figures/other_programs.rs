//! Against programs of others: poppler, which `cargo xtask test` installs, and LaTeX, where it is installed:
//! `cargo test --release --workspace --test figures -- --ignored` (Debian: `texlive-latex-recommended texlive-pictures`).

use std::path::Path;
use std::process::Command;

use whyfinder_figure::{Description, Format, Length, save};

use crate::made::{TOKENS, described, figure_as, map, relative, trace, with_predictions};
use crate::svg_reader::texts;

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
    let latex = |file: &str| {
        let words = ["-interaction=nonstopmode", "-halt-on-error", file];
        run(folder.path(), "pdflatex", &words)
    };
    let traced = with_predictions(trace(&TOKENS));
    let mapped = map("demo:denoise");
    // Maps of pixels have more cells than TeX's memory holds if each is painted by itself.
    let pixels = |row: usize, column: usize| ((row * 31 + column * 17) % 97) as f32 / 97.0;
    let large = relative("lam", "attribution", pixels);
    for (outcome, views) in [
        (
            &traced,
            &["residual", "mlp", "residual.lines", "predictions"][..],
        ),
        (&mapped, &["effect", "counts"][..]),
        (&large, &["attribution"; 8][..]),
    ] {
        for dark in [false, true] {
            let description = Description {
                width: Length::DOUBLE,
                dark,
                ..described(views)
            };
            let figure = figure_as(outcome, &description);
            let tex = figure.bytes(Format::Tex, 0.0).expect("written");
            save(&folder.path().join("f.tex"), &tex).expect("writes");
            assert!(latex("f.tex").contains("(1 page"), "{views:?}");
            // All of the drawn figure's words are on the page.
            let page = run(folder.path(), "pdftotext", &["f.pdf", "-"]);
            let drawn = texts(&figure.svg().expect("written"));
            let letters = |word: &&str| word.chars().all(|c| c.is_ascii_alphabetic());
            let mut found = 0;
            for word in drawn
                .iter()
                .flat_map(|line| line.split(' '))
                .filter(letters)
            {
                // Letters that join are told by the joined sign.
                if !["ff", "fi", "fl"].iter().any(|pair| word.contains(pair)) {
                    assert!(page.contains(word), "{word}: {page}");
                    found += 1;
                }
            }
            assert!(found > 20, "{views:?}: {found} words");
            let table = format!(
                "\\documentclass{{article}}\\usepackage{{textcomp,booktabs,amssymb}}\\begin{{document}}{}\\end{{document}}",
                figure.latex_table()
            );
            save(&folder.path().join("t.tex"), table.as_bytes()).expect("writes");
            latex("t.tex");
        }
    }
}
