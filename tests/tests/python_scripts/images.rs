//! Scripts about networks that restore images against the numbers that they repeat.

use std::path::Path;

use tempfile::TempDir;
use whyfinder_experiment::{Experiment, Picture, read_picture};

use crate::models::fixture;
use crate::{
    difference, experiment, measured, repeats, repeats_within, said_of, script, wholeness,
};

/// For gradients in double precision; the output beside them is of single precision, and 1.3e-6 apart.
const DOUBLE: f64 = 3e-6;

/// A part of a bundled picture as a file.
fn picture(folder: &Path, name: &str, part: [usize; 4]) -> String {
    let [x, y, width, height] = part;
    let whole = read_picture(&format!("picture:{name}"))
        .expect("bundled")
        .picture;
    let cut: Picture = whole.cropped(x, y, width, height).expect("inside");
    let path = folder.join(format!("{name}.{x}.{y}.{width}.{height}.png"));
    image::save_buffer(
        &path,
        &cut.rgb,
        width as u32,
        height as u32,
        image::ExtendedColorType::Rgb8,
    )
    .expect("written");
    path.display().to_string()
}

/// Of a picture that its own truth makes.
pub(crate) struct Case {
    folder: TempDir,
    changes: Vec<String>,
}

impl Case {
    pub(crate) fn new(model: &str, part: [usize; 4], region: [usize; 4]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let truth = picture(folder.path(), "market", part);
        let changes = vec![
            format!("model={model}"),
            format!("input.truth={truth}"),
            format!("input.region={region:?}"),
        ];
        Self { folder, changes }
    }

    /// `demo:denoise` on 32 x 28 pixels.
    pub(crate) fn denoise() -> Self {
        Self::new("demo:denoise", [40, 60, 32, 28], [5, 4, 22, 20])
    }

    /// `demo:sr-local` from 11 x 9 pixels.
    fn enlarge(model: &str) -> Self {
        Self::new(model, [30, 50, 46, 37], [9, 5, 30, 26])
    }

    pub(crate) fn experiment(&self, instrument: &str, more: &[&str]) -> Experiment {
        let text = format!("instrument = \"{instrument}\"\nmodel = \"demo:denoise\"\nseed = 5\n");
        let all: Vec<&str> = self
            .changes
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        experiment(&text, &all)
    }
}

const MAP: [&str; 3] = [
    "intervention.coarse=2",
    "intervention.fine=4",
    "intervention.block=8",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    MAP.iter().copied().chain(more.iter().copied()).collect()
}

/// Every instrument once, and its choices, for scripts that only have to be whole.
pub(crate) fn every_choice(case: &Case) -> Vec<Experiment> {
    let mut all = Vec::new();
    let mut add = |instrument: &str, more: &[&str]| all.push(case.experiment(instrument, more));
    add("restore", &[]);
    add("causal-effect-map", &MAP);
    add("causal-effect-map", &with(&["intervention.draws=common"]));
    add(
        "causal-effect-map",
        &with(&["intervention.draws=stream", "intervention.only=[1, 2]"]),
    );
    add(
        "causal-effect-map",
        &with(&[
            "intervention.compatible=authors",
            "intervention.confidence=0.9",
        ]),
    );
    add("causal-effect-map", &with(&["intervention.mediation=true"]));
    add("causal-effect-map", &with(&["input.task=derain"]));
    for path in ["progressive-blur", "gaussian-linear", "black-linear"] {
        add("lam", &[&format!("lam.path={path}"), "lam.fold=6"]);
    }
    for detector in ["gradient", "sum", "psnr"] {
        add("gradient", &[&format!("gradient.detector={detector}")]);
    }
    for baseline in ["blur", "black", "mean"] {
        let named = format!("integrated-gradients.baseline={baseline}");
        add(
            "integrated-gradients",
            &[&named, "integrated-gradients.steps=7"],
        );
        let named = format!("faithfulness.baseline={baseline}");
        add("faithfulness", &[&named]);
    }
    for fill in ["grey", "blur", "mean"] {
        add("occlusion", &[&format!("occlusion.fill={fill}")]);
    }
    add("rise", &["rise.masks=40", "rise.grid=4"]);
    add("receptive-field", &["receptive-field.inputs=3"]);
    all
}

#[test]
fn scripts_of_every_instrument_are_whole() {
    let case = Case::denoise();
    for experiment in every_choice(&case) {
        wholeness::check(&script(&experiment, None).expect("a script"));
    }
    let window = Case::enlarge("demo:sr-window");
    let experiment = window.experiment("window-attention", &[]);
    wholeness::check(&script(&experiment, None).expect("a script"));
}

#[test]
fn repeated_parts_of_a_network_are_loops() {
    for (model, most) in [
        ("demo:denoise", 15),
        ("demo:sr-local", 30),
        ("demo:sr-window", 80),
    ] {
        let case = Case::enlarge(model);
        let script = script(&case.experiment("restore", &[]), None).expect("a script");
        let network = script.text.split("def network(").nth(1).expect("a network");
        let lines = network
            .lines()
            .take_while(|line| !line.starts_with("def "))
            .count();
        assert!(
            network.contains("for i in range(") && lines < most,
            "{lines} lines:\n{network}"
        );
    }
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn every_instrument_is_repeated() {
    let case = Case::denoise();
    for experiment in every_choice(&case) {
        let name = experiment.instrument.name();
        let fields: &[&str] = match name {
            "restore" => &["output"],
            "causal-effect-map" | "occlusion" => &["effect", "input", "truth"],
            "faithfulness" => &["deletion", "insertion", "map.lam", "deletion.random"],
            "rise" => &["attribution", "saliency"],
            "receptive-field" => &["attribution", "attribution.image", "reachable"],
            _ => &["attribution", "attribution.signed"],
        };
        repeats(name, &experiment, fields);
    }
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn enlarging_networks_are_repeated() {
    for model in ["demo:sr-local", "demo:sr-channel", "demo:sr-window"] {
        let case = Case::enlarge(model);
        let map = case.experiment("causal-effect-map", &with(&["intervention.mediation=true"]));
        repeats(
            &format!("causal-effect-map, {model}"),
            &map,
            &["effect", "effect.direct", "effect.mediated"],
        );
        let authors = case.experiment(
            "causal-effect-map",
            &with(&["intervention.compatible=authors"]),
        );
        repeats(
            &format!("causal-effect-map, quirks, {model}"),
            &authors,
            &["effect"],
        );
        let fields = ["attribution", "attribution.signed", "density"];
        let usual = case.experiment("lam", &[]);
        repeats(&format!("lam, {model}"), &usual, &fields);
        // So few steps leave the last bits of single precision 1.9e-4 of weight through window attention.
        let double = case.experiment("lam", &["lam.fold=6", "lam.precision=double"]);
        repeats_within(&format!("lam, double, {model}"), &double, &fields, DOUBLE);
    }
    let case = Case::enlarge("demo:sr-window");
    let asked = case.experiment("window-attention", &["window-attention.pixel=[21, 18]"]);
    let outcome = measured(&asked);
    let layers: Vec<String> = outcome
        .fields
        .iter()
        .map(|field| field.name.clone())
        .filter(|name| name.starts_with("attention."))
        .collect();
    assert!(layers.len() > 2, "{layers:?}");
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    repeats("window-attention, demo:sr-window", &asked, &layers);
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn gradients_in_double_precision_are_repeated_to_the_last_digits() {
    let case = Case::denoise();
    let fields = ["attribution", "attribution.signed"];
    for (instrument, settings) in [
        ("lam", "lam.path=black-linear"),
        ("lam", "lam.path=progressive-blur"),
        ("gradient", "gradient.detector=gradient"),
        (
            "integrated-gradients",
            "integrated-gradients.baseline=black",
        ),
        ("integrated-gradients", "integrated-gradients.baseline=mean"),
    ] {
        let precision = format!("{instrument}.precision=double");
        let asked = case.experiment(instrument, &[settings, &precision]);
        repeats_within(&format!("double, {settings}"), &asked, &fields, DOUBLE);
    }
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn given_images_are_used_as_they_are() {
    let case = Case::denoise();
    let image = picture(case.folder.path(), "tree", [40, 60, 32, 28]);
    let image = format!("input.image={image}");
    for task in ["input.task=denoise", "input.task=derain"] {
        let asked = case.experiment("causal-effect-map", &with(&[&image, task]));
        repeats(
            &format!("causal-effect-map, image given, {task}"),
            &asked,
            &["effect"],
        );
    }
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn earlier_results_are_maps_of_their_own() {
    let case = Case::denoise();
    let folder = case.folder.path().join("earlier");
    let earlier = measured(&case.experiment("occlusion", &[]));
    whyfinder_experiment::write_result(&folder, &earlier).expect("written");
    let maps = format!(
        "faithfulness.maps=[\"{}\", \"rise\", \"causal-effect-map\"]",
        folder.display()
    );
    let asked = case.experiment("faithfulness", &[&maps]);
    repeats(
        "faithfulness, an earlier result",
        &asked,
        &["deletion", "map.rise", "map.causal-effect-map"],
    );
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn every_family_of_networks_is_repeated() {
    let mut names: Vec<_> = std::fs::read_dir(fixture("networks"))
        .expect("the fixtures")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    names.sort();
    assert!(names.len() > 20);
    for folder in names {
        let weights = std::fs::read_dir(&folder)
            .expect("a fixture")
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
                name.is_some_and(|name| name.starts_with("weights"))
            });
        let Some(weights) = weights else {
            panic!("no weights in {}", folder.display());
        };
        let model = weights.display().to_string();
        let case = Case::new(&model, [30, 50, 48, 40], [8, 8, 12, 10]);
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        repeats(
            &format!("restore, {name}"),
            &case.experiment("restore", &[]),
            &["output"],
        );
    }
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn a_map_that_does_not_hold_is_told() {
    let case = Case::denoise();
    let mut outcome = measured(&case.experiment("occlusion", &[]));
    let field = &mut outcome.fields[0];
    field.values[5] += 3.0;
    assert!(difference(&said_of(&outcome), &["effect"]) > 0.1);
}
