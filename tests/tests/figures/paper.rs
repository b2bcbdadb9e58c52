//! Sizes on paper, and text that is text.

use whyfinder_figure::{Description, Figure, Format, Length, Source};

use crate::made::{TOKENS, attention, described, figure, figure_as, map, trace, with_predictions};
use crate::pdf_reader::Pdf;
use crate::svg_reader::{millimetres, texts};

fn wide(description: Description, width: Length) -> Description {
    Description {
        width,
        ..description
    }
}

#[test]
fn svg_and_pdf_have_the_width_that_was_asked_for() {
    let outcome = with_predictions(trace(&TOKENS));
    for (width, expected) in [
        ("single", 84.0),
        ("double", 174.0),
        ("3.5in", 88.9),
        ("60mm", 60.0),
    ] {
        let width: Length = width.parse().expect("a length");
        for size in [5.0, 7.0, 12.0] {
            let description = Description {
                size,
                ..wide(described(&["residual", "mlp", "predictions"]), width)
            };
            let figure = figure_as(&outcome, &description);
            let svg = millimetres(&figure.svg().expect("written"));
            let pdf = Pdf::read(&figure.pdf().expect("written")).millimetres();
            for (svg, pdf) in svg.into_iter().zip(pdf) {
                assert!((svg - pdf).abs() < 0.05, "{svg} {pdf}");
            }
            assert!((svg[0] - expected).abs() < 0.05, "{} {expected}", svg[0]);
            let [points, _] = figure.size();
            assert!((points * 25.4 / 72.0 - expected).abs() < 0.05);
        }
    }
}

#[test]
fn text_is_text_in_svg_and_pdf() {
    let outcome = with_predictions(trace(&TOKENS));
    for font in ["sans", "serif"] {
        let description = Description {
            font: font.into(),
            ..described(&["residual", "residual.lines", "predictions"])
        };
        let figure = figure_as(&outcome, &description);
        let svg = texts(&figure.svg().expect("written"));
        let pdf = Pdf::read(&figure.pdf().expect("written"));
        // Both are written from one scene: line by line the same words.
        assert_eq!(svg, pdf.texts(), "{font}");
        for said in [
            "Causal trace",
            "Residual stream",
            "<|bos|>",
            "␣Tower*",
            "layer",
            "probability of ␣Brelle",
            "first subject token",
            "|effect| < 2 s.e.",
            "clean run",
            "0.931",
        ] {
            assert!(
                svg.iter().any(|line| line == said),
                "{said} is missing from {svg:?}"
            );
        }
        let all = svg.join(" ");
        assert!(
            all.contains("corrupted 0.042") && all.contains("clean 0.931"),
            "{all}"
        );
        assert!(pdf.embedded_fonts() >= 3);
    }
}

#[test]
fn maps_are_cells_or_one_picture_of_cells() {
    let few = figure(&trace(&TOKENS), &["residual"]);
    let pdf = Pdf::read(&few.pdf().expect("written"));
    // The colour bar alone.
    assert_eq!(pdf.pictures(), 1);
    let words: Vec<String> = (0..130).map(|i| format!("w{i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let many = figure(&attention(&words, 1, 1), &["head:0.0"]);
    let pdf = Pdf::read(&many.pdf().expect("written"));
    // The map, its mask and the bar.
    assert_eq!(pdf.pictures(), 3);
}

#[test]
fn a_png_has_the_pixels_of_its_size_and_says_how_large_it_is() {
    let description = Description {
        transparent: true,
        ..described(&["effect"])
    };
    let figure = figure_as(&map("demo:denoise"), &description);
    let [width, height] = figure.size();
    for dpi in [72.0, 300.0, 600.0] {
        let bytes = figure.png(dpi).expect("drawn");
        let picture = image::load_from_memory(&bytes).expect("a PNG").to_rgba8();
        let expected = [width, height].map(|points| (points * dpi / 72.0).round() as u32);
        assert_eq!([picture.width(), picture.height()], expected);
        let at = bytes
            .windows(4)
            .position(|w| w == b"pHYs")
            .expect("a density");
        let number = u32::from_be_bytes(bytes[at + 4..at + 8].try_into().expect("four bytes"));
        assert_eq!(number, (dpi / 0.0254).round() as u32);
        assert_eq!(picture.get_pixel(0, 0).0[3], 0);
        // What the preview shows is what the file holds.
        let shown = figure.image(dpi).expect("drawn");
        assert_eq!(shown.bytes(), picture.as_raw().as_slice());
    }
    let message = figure.png(1e6).expect_err("too large").to_string();
    assert!(message.contains("dots per inch"), "{message}");
    let opaque = figure_as(&map("demo:denoise"), &described(&["effect"]));
    let picture = image::load_from_memory(&opaque.png(72.0).expect("drawn")).expect("a PNG");
    assert_eq!(picture.to_rgba8().get_pixel(0, 0).0, [255; 4]);
}

#[test]
fn panels_are_lettered_and_share_a_bar_where_colours_mean_the_same() {
    let (first, second) = (map("demo:sr-local"), map("demo:sr-channel"));
    let sources = [
        Source {
            outcome: &first,
            name: "local",
        },
        Source {
            outcome: &second,
            name: "channel",
        },
    ];
    let mut description = wide(described(&["effect", "effect"]), Length::DOUBLE);
    description.panels[1].source = 1;
    let said = |description: &Description| {
        texts(
            &Figure::new(&sources, description)
                .expect("drawn")
                .svg()
                .expect("written"),
        )
    };
    let count = |lines: &[String], word: &str| lines.iter().filter(|l| l.contains(word)).count();
    let lines = said(&description);
    assert!(lines.contains(&"a".into()) && lines.contains(&"b".into()));
    assert_eq!(count(&lines, "local: Effect"), 1);
    assert_eq!(count(&lines, "loss of the region's PSNR"), 1);
    assert_eq!(count(&lines, "≥.60"), 1);
    // A third map that measures something else has a bar of its own; the two still share theirs.
    description.panels.push(whyfinder_figure::Panel {
        minus: Some(0),
        ..description.panels[1].clone()
    });
    let lines = said(&description);
    assert_eq!(count(&lines, "≥.60"), 1);
    assert_eq!(count(&lines, "difference: loss"), 1);
    description.panels.pop();
    description.panels[1].range = Some([-2.0, 2.0]);
    description.letters = false;
    let lines = said(&description);
    assert!(!lines.contains(&"a".into()));
    assert_eq!(count(&lines, "loss of the region's PSNR"), 2);
    description.panels[1].minus = Some(0);
    description.panels[1].range = None;
    let lines = said(&description);
    assert_eq!(count(&lines, "channel − local"), 1);
    assert_eq!(
        count(&lines, "red: more in channel, blue: more in local"),
        1
    );
}

#[test]
fn every_view_is_written_in_every_format() {
    let mut everything = with_predictions(trace(&TOKENS));
    everything.attention = crate::made::recorded(40).attention;
    for outcome in [everything, map("demo:denoise"), attention(&TOKENS, 3, 4)] {
        let views = whyfinder_figure::views_of(&outcome);
        assert!(views.len() >= 2, "{views:?}");
        for view in views {
            let figure = figure(&outcome, &[&view.to_string()]);
            for format in Format::ALL {
                let bytes = figure
                    .bytes(format, 72.0)
                    .unwrap_or_else(|e| panic!("{view}: {e}"));
                assert!(bytes.len() > 40, "{view} {}", format.ending());
            }
            if let Some(folder) = std::env::var_os("WHYFINDER_KEEP_FIGURES") {
                let name = format!("{}.pdf", view.to_string().replace(['.', ':'], "-"));
                let path = std::path::Path::new(&folder).join(name);
                whyfinder_figure::save(&path, &figure.pdf().expect("written"))
                    .expect("the folder is there");
            }
        }
    }
}

#[test]
fn a_map_without_its_picture_is_a_grid() {
    let mut outcome = map("demo:denoise");
    outcome.fields.retain(|f| f.name == "effect");
    let figure = figure(&outcome, &["effect"]);
    let lines = texts(&figure.svg().expect("written"));
    for said in ["row", "column", "red helps the region, blue harms it"] {
        assert!(
            lines.iter().any(|line| line.starts_with(said)),
            "{said}: {lines:?}"
        );
    }
}

#[test]
fn a_font_may_be_a_file() {
    let in_font = |file: &str| {
        let description = Description {
            font: format!("{}/../assets/fonts/{file}", env!("CARGO_MANIFEST_DIR")),
            ..described(&["mlp"])
        };
        figure_as(&trace(&TOKENS), &description)
    };
    // Of a family of which another face is bundled.
    let bytes = in_font("Inter-Medium.otf").pdf().expect("written");
    assert!(bytes.windows(12).any(|w| w == b"Inter-Medium"));
    let svg = in_font("LiberationSerif-Bold.ttf").svg().expect("written");
    assert!(svg.contains("font-family=\"'Liberation Serif'"));
}

#[test]
fn what_cannot_be_meant_is_said_in_a_sentence() {
    let outcome = trace(&TOKENS);
    let source = [Source {
        outcome: &outcome,
        name: "one",
    }];
    let refused = |description: &Description| {
        let message = Figure::new(&source, description)
            .expect_err("it cannot be meant")
            .to_string();
        assert!(
            message.ends_with('.') && !message.ends_with(".."),
            "{message}"
        );
        message
    };
    let message = refused(&described(&["effect"]));
    assert!(
        message.contains("\"effect\"") && message.contains("residual.lines"),
        "{message}"
    );
    assert!(refused(&described(&[])).contains("panel"));
    let small = Description {
        size: 4.0,
        ..described(&["mlp"])
    };
    assert!(refused(&small).contains("5 to 14 pt"));
    let mut description = described(&["mlp"]);
    description.panels[0].map = Some("jet".into());
    assert!(refused(&description).contains("viridis"));
    description.panels[0].map = None;
    description.panels[0].range = Some([1.0, 1.0]);
    assert!(refused(&description).contains("goes up"));
    description.panels[0].range = None;
    description.panels[0].source = 3;
    assert!(refused(&description).contains("result 4"));
}
