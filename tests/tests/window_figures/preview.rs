//! What a person sees in the preview is what `whyfinder figure` writes, pixel by pixel.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use egui_kittest::kittest::Queryable as _;
use image::RgbaImage;
use resvg::{tiny_skia, usvg};
use whyfinder::window::dialogs::Answer;
use whyfinder_experiment::write_result;

use super::stage::Stage;
use super::{drawn, exporting_at, open_dialog, wait, write};

/// Width of the preview, points of the window.
const PREVIEW: f32 = 640.0;

/// The preview as it is painted in the window, and the dots per inch of the figure there.
fn painted(stage: &mut Stage, scale: f32) -> (RgbaImage, f32) {
    // No pointer over it.
    stage.window.hover_at(egui::pos2(2.0, 2.0));
    stage.window.run_steps(2);
    let window = stage.window.render().expect("the window can be drawn");
    let rect = stage.window.get_by_label("Preview of the figure").rect();
    let [left, top, width, height] =
        [rect.left(), rect.top(), rect.width(), rect.height()].map(|n| (n * scale).round() as u32);
    assert!(top + height < window.height(), "all of it shows: {rect:?}");
    let preview = image::imageops::crop_imm(&window, left, top, width, height).to_image();
    let export = stage.window.state().state().export.as_ref().expect("open");
    let inches = export.description.width.points() / 72.0;
    (preview, PREVIEW * scale / inches)
}

/// How far two pictures of one size are apart: the most in any channel, and the share of pixels with a channel that is
/// further apart than `much`.
fn apart(one: &RgbaImage, other: &RgbaImage, much: u8) -> (u8, f64) {
    assert_eq!(one.dimensions(), other.dimensions());
    let of_pixels = one.pixels().zip(other.pixels()).map(|(a, b)| {
        let channels = a.0.iter().zip(b.0).take(3);
        channels.map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
    });
    let of_pixels: Vec<u8> = of_pixels.collect();
    let far = of_pixels.iter().filter(|&&apart| apart > much).count();
    let most = of_pixels.iter().copied().max().unwrap_or(0);
    (most, far as f64 / of_pixels.len() as f64)
}

fn read_png(path: &Path) -> RgbaImage {
    image::open(path).expect("a picture").to_rgba8()
}

/// What `whyfinder figure` writes of a result with the description that a figure carries.
fn by_command(result: &Path, like: &Path, out: &Path, dpi: f32) {
    let words: [OsString; 9] = [
        "whyfinder".into(),
        "figure".into(),
        result.into(),
        "--like".into(),
        like.into(),
        "--out".into(),
        out.into(),
        "--dpi".into(),
        dpi.to_string().into(),
    ];
    let code = whyfinder::command_line::answer(words);
    assert_eq!(code, ExitCode::SUCCESS, "{}", out.display());
}

/// An SVG as a renderer draws it that has the program's typefaces at hand.
fn rendered(path: &Path, [width, height]: [u32; 2]) -> RgbaImage {
    let fonts = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/fonts");
    let mut options = usvg::Options::default();
    Arc::make_mut(&mut options.fontdb).load_fonts_dir(fonts);
    let svg = std::fs::read_to_string(path).expect("written");
    let tree = usvg::Tree::from_str(&svg, &options).expect("an SVG");
    let mut pixels = tiny_skia::Pixmap::new(width, height).expect("a picture");
    let whole = tiny_skia::Transform::from_scale(
        width as f32 / tree.size().width(),
        height as f32 / tree.size().height(),
    );
    resvg::render(&tree, whole, &mut pixels.as_mut());
    RgbaImage::from_raw(width, height, pixels.take()).expect("of that size")
}

/// A PDF as poppler draws it.
fn by_poppler(path: &Path, [width, height]: [u32; 2]) -> RgbaImage {
    let out = path.with_extension("poppler");
    let size = |n: u32| n.to_string();
    let status = Command::new("pdftoppm")
        .args(["-png", "-singlefile", "-scale-to-x", &size(width)])
        .args(["-scale-to-y", &size(height)])
        .args([path, &out])
        .status()
        .unwrap_or_else(|e| panic!("poppler's pdftoppm is needed: {e}"));
    assert!(status.success());
    read_png(&out.with_extension("poppler.png"))
}

#[test]
fn the_preview_is_pixel_by_pixel_what_the_command_writes() {
    for scale in [1.0, 2.0] {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let files = ["w.png", "w.svg", "w.pdf"].map(at);
        let answers = files.iter().cloned().map(Answer::Picked).collect();
        let mut stage = exporting_at(scale, answers);
        stage.picture(&format!("export_dark_{scale}x"));
        stage.window.get_by_label("Double").click();
        stage.window.run_steps(3);
        wait(&mut stage, |s| drawn(s).is_some());
        let (preview, dpi) = painted(&mut stage, scale);
        assert_eq!(preview.width(), (PREVIEW * scale) as u32);
        let outcome = {
            let export = stage.window.state().state().export.as_ref().expect("open");
            Arc::clone(&export.sources[0].outcome)
        };
        write_result(folder.path(), &outcome).expect("written");
        for format in ["PNG", "SVG", "PDF"] {
            write(&mut stage, format);
            open_dialog(&mut stage);
        }

        // The command, from the result and what the window's own file says of the figure.
        let result = at("result.npz");
        let size = [preview.width(), preview.height()];
        let by_command_at = |name: &str, like: &PathBuf| {
            by_command(&result, like, &at(name), dpi);
            at(name)
        };
        for like in &files {
            let png = read_png(&by_command_at("c.png", like));
            // The window paints in the same bytes, but for rounding on its way through the graphics card.
            let (most, _) = apart(&preview, &png, 0);
            assert!(most <= 2, "{like:?} at {scale}: {most} of 255 apart");
            std::fs::remove_file(at("c.png")).expect("removed");
        }
        // The record inside names results as they are named where it was made.
        let drawing = |path: &Path| {
            let svg = std::fs::read_to_string(path).expect("written");
            let (before, rest) = svg.split_once("<metadata>").expect("a record");
            let (_, after) = rest.split_once("</metadata>").expect("it ends");
            format!("{before}{after}")
        };
        let svg = by_command_at("c.svg", &files[1]);
        assert_eq!(drawing(&svg), drawing(&files[1]));
        by_command_at("c.pdf", &files[2]);
        // Vectors, as others turn them into pixels; poppler shades the edges of letters and lines otherwise.
        let svg = rendered(&at("c.svg"), size);
        let (most, _) = apart(&preview, &svg, 0);
        assert!(most <= 2, "SVG at {scale}: {most} of 255 apart");
        let pdf = by_poppler(&at("c.pdf"), size);
        assert_eq!(apart(&by_poppler(&files[2], size), &pdf, 0), (0, 0.0));
        let (_, far) = apart(&preview, &pdf, 96);
        assert!(far < 2e-2, "PDF at {scale}: {far}");
    }
}
