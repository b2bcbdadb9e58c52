//! Experiments on images: what is read, what is refused, what comes back.

use std::fs;
use std::path::Path;

use whyfinder_experiment::image_experiment::{
    Bank, Baseline, Detector, Draws, Fill, InterventionSettings, LamPath, MapSource, Quirk,
};
use whyfinder_experiment::{
    Engine, Experiment, ImageInput, ImageMethod, ImageSource, ImageTask, InstrumentSettings,
    read_experiment, to_json, to_toml,
};

use crate::experiments::{refusal, with};
use crate::{TRACE, read};

pub(crate) const MAP: &str = r#"
instrument = "causal-effect-map"
model = "dncnn.pth"
seed = 7
[input]
image = "degraded.png"
truth = "picture:harbour"
region = [96, 152, 32, 24]
task = "denoise"
sigma = 25.5
[intervention]
bank = "bank.npy"
block = 4
coarse = 2
fine = 20
tolerance = 0.02
draws = "stream"
confidence = 0.9
resolution = 0.25
estimate = false
engine = "plain"
compatible = ["bgr-patches", "square-grid"]
mediation = true
only = [13, 16]
"#;

const SHORT: &str = r#"
instrument = "causal-effect-map"
model = "demo:denoise"
[input]
truth = "clean.png"
region = [0, 0, 8, 8]
"#;

fn image_of(experiment: &Experiment) -> (&ImageInput, &ImageMethod) {
    match &experiment.instrument {
        InstrumentSettings::Image { input, method } => (input, method),
        _ => panic!("an experiment on an image was written"),
    }
}

fn intervention_of(experiment: &Experiment) -> &InterventionSettings {
    match image_of(experiment).1 {
        ImageMethod::CausalEffectMap(settings) => settings,
        other => panic!("a causal effect map was written, not {other:?}"),
    }
}

#[test]
fn every_setting_of_a_causal_effect_map_is_read() {
    let experiment = read(MAP);
    assert_eq!(experiment.instrument.name(), "causal-effect-map");
    let (input, _) = image_of(&experiment);
    assert_eq!(
        *input,
        ImageInput {
            image: Some(ImageSource::File("degraded.png".into())),
            truth: Some(ImageSource::Picture("harbour".into())),
            region: Some([96, 152, 32, 24]),
            task: Some(ImageTask::Denoise),
            sigma: Some(25.5),
            scale: None,
        }
    );
    assert_eq!(
        *intervention_of(&experiment),
        InterventionSettings {
            bank: Bank::File("bank.npy".into()),
            block: 4,
            coarse: 2,
            fine: 20,
            tolerance: 0.02,
            draws: Draws::Stream,
            confidence: Some(0.9),
            resolution: 0.25,
            estimate: false,
            engine: Engine::Plain,
            compatible: vec![Quirk::BgrPatches, Quirk::SquareGrid],
            mediation: true,
            only: Some([13, 16]),
        }
    );
}

#[test]
fn one_block_alone_needs_a_stream_of_its_own() {
    let text = MAP.replace("draws = \"stream\"", "draws = \"numpy\"");
    assert_ne!(text, MAP);
    let refused =
        whyfinder_experiment::parse_experiment(&text, &[]).expect_err("its draws would be others");
    assert!(
        refused.to_string().contains("intervention.only"),
        "{refused}"
    );
}

#[test]
fn what_is_left_out_is_as_published() {
    let experiment = read(SHORT);
    let settings = intervention_of(&experiment);
    assert_eq!(settings.bank, Bank::Builtin);
    assert_eq!((settings.block, settings.coarse, settings.fine), (8, 3, 50));
    assert_eq!(settings.tolerance, 0.01);
    assert_eq!(settings.draws, Draws::Numpy);
    assert_eq!(settings.engine, Engine::Exact);
    assert!(settings.compatible.is_empty() && !settings.mediation);
    let lam = with(SHORT, &["instrument=lam"]);
    let ImageMethod::Lam(lam) = image_of(&lam).1 else {
        panic!("a LAM was asked for");
    };
    assert_eq!(
        (lam.path, lam.detector),
        (LamPath::ProgressiveBlur, Detector::Gradient)
    );
    assert_eq!((lam.sigma, lam.fold, lam.kernel), (1.2, 50, 9));
}

#[test]
fn the_authors_quirks_have_a_name_for_all_of_them() {
    let list = format!("{SHORT}[intervention]\ncompatible = [\"authors\"]");
    let word = format!("{SHORT}[intervention]\ncompatible = \"authors\"");
    for experiment in [
        read(&list),
        read(&word),
        with(SHORT, &["intervention.compatible=authors"]),
    ] {
        assert_eq!(intervention_of(&experiment).compatible, Quirk::ALL);
    }
    let two = with(
        SHORT,
        &["intervention.compatible=opencv-resize,region-counted"],
    );
    assert_eq!(
        intervention_of(&two).compatible,
        [Quirk::OpencvResize, Quirk::RegionCounted]
    );
}

#[test]
fn the_relatives_have_sections_of_their_own() {
    for (instrument, changes) in [
        (
            "lam",
            &["lam.path=black-linear", "lam.detector=sum", "lam.fold=10"][..],
        ),
        ("gradient", &["gradient.detector=gradient"]),
        (
            "integrated-gradients",
            &[
                "integrated-gradients.baseline=mean",
                "integrated-gradients.steps=7",
            ],
        ),
        ("occlusion", &["occlusion.block=16", "occlusion.fill=blur"]),
        (
            "rise",
            &["rise.masks=9", "rise.grid=4", "rise.probability=0.25"],
        ),
        ("receptive-field", &["receptive-field.inputs=0"]),
        ("gradient", &["gradient.detector=psnr"]),
        ("window-attention", &["window-attention.pixel=[3, 4]"]),
        (
            "faithfulness",
            &["faithfulness.maps=lam,old.npz", "faithfulness.random=0"],
        ),
        ("restore", &[]),
    ] {
        let chosen = format!("instrument={instrument}");
        let all: Vec<_> = [chosen.as_str()]
            .into_iter()
            .chain(changes.iter().copied())
            .collect();
        let experiment = with(SHORT, &all);
        assert_eq!(experiment.instrument.name(), instrument);
        let toml = to_toml(&experiment).expect("writes");
        assert_eq!(read(&toml), experiment, "{toml}");
        match image_of(&experiment).1 {
            ImageMethod::IntegratedGradients(s) => {
                assert_eq!((s.baseline, s.steps), (Baseline::Mean, 7))
            }
            ImageMethod::Occlusion(s) => assert_eq!((s.block, s.fill), (16, Fill::Blur)),
            ImageMethod::Rise(s) => assert_eq!((s.masks, s.grid, s.probability), (9, 4, 0.25)),
            ImageMethod::WindowAttention(s) => assert_eq!(s.pixel, Some([3, 4])),
            ImageMethod::Faithfulness(s) => {
                let maps = [
                    MapSource::Instrument("lam".into()),
                    MapSource::Result("old.npz".into()),
                ];
                assert_eq!((s.maps.as_slice(), s.random), (&maps[..], 0));
                assert!(experiment.files().contains(&"old.npz".into()));
            }
            _ => {}
        }
    }
}

#[test]
fn experiments_on_images_come_back_exactly() {
    for text in [MAP, SHORT] {
        let experiment = read(text);
        let toml = to_toml(&experiment).expect("writes");
        let json = to_json(&experiment).expect("writes");
        assert_eq!(read(&toml), experiment, "{toml}");
        assert_eq!(read(&json), experiment, "{json}");
    }
    let toml = to_toml(&read(MAP)).expect("writes");
    for line in [
        "sigma = 25.5\n",
        "tolerance = 0.02\n",
        "truth = \"picture:harbour\"\n",
    ] {
        assert!(toml.contains(line), "{toml}");
    }
}

#[test]
fn images_and_patches_are_sought_beside_the_experiment() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("map.toml");
    fs::write(&path, MAP).expect("writes");
    let experiment = read_experiment(&path, &[]).expect("reads");
    let beside = |name: &str| folder.path().join(name);
    assert_eq!(
        experiment.files(),
        [beside("degraded.png"), beside("bank.npy")]
    );
    let elsewhere = MAP.replace("degraded.png", "/pictures/degraded.png");
    fs::write(&path, elsewhere).expect("writes");
    let experiment = read_experiment(&path, &[]).expect("reads");
    assert_eq!(experiment.files()[0], Path::new("/pictures/degraded.png"));
}

#[test]
fn unknown_keys_of_images_are_named_with_the_nearest_known_one() {
    for (from, to, said) in [
        ("image =", "imag =", "(did you mean \"image\"?)"),
        ("image =", "prompt =", "\"prompt\" in [input]"),
        ("region =", "regoin =", "(did you mean \"region\"?)"),
        (
            "fine = 20",
            "fines = 20",
            "in [intervention] (did you mean \"fine\"?)",
        ),
        (
            "[intervention]",
            "[interventions]",
            "(did you mean \"intervention\"?)",
        ),
        (
            "\"causal-effect-map\"",
            "\"causal-effects-map\"",
            "did you mean \"causal-effect-map\"?",
        ),
        (
            "[intervention]",
            "[lam]\nfold = 1\n[intervention]",
            "[lam] does not belong",
        ),
        ("\"denoise\"", "\"denoising\"", "denoising"),
        ("\"stream\"", "\"streams\"", "streams"),
        ("\"bgr-patches\"", "\"bgr\"", "no quirk \"bgr\""),
        ("[96, 152, 32, 24]", "[96, 152, 32]", "input.region"),
        ("[96, 152, 32, 24]", "[-96, 152, 32, 24]", "input.region"),
    ] {
        let text = MAP.replacen(from, to, 1);
        assert_ne!(text, MAP);
        let message = refusal(&text, &[]);
        assert!(message.contains(said), "{from} -> {to}: {message}");
    }
    let prompt = TRACE.replace("prompt =", "image =");
    assert!(refusal(&prompt, &[]).contains("\"image\" in [input]"));
}

#[test]
fn what_cannot_be_meant_of_images_is_refused_with_what_to_do() {
    for (changes, said) in [
        (&["input.image="][..], "name of the image is empty"),
        (&["input.truth=picture:"], "name of the truth is empty"),
        (&["input.region=[0, 0, 0, 4]"], "is empty"),
        (&["input.region=[0, 0, 70000, 4]"], "beyond every image"),
        (&["input.sigma=-1"], "noise level"),
        (&["input.sigma=nan"], "noise level"),
        (&["input.scale=0"], "scale 0"),
        (&["intervention.block=0"], "Blocks of 0"),
        (&["intervention.coarse=0"], "coarse"),
        (&["intervention.fine=100000"], "at most 10000"),
        (&["intervention.tolerance=-0.1"], "tolerance"),
        (&["intervention.bank="], "bank's name is empty"),
        (
            &["intervention.compatible=square-grid,square-grid"],
            "twice",
        ),
        (&["instrument=lam", "lam.kernel=8"], "odd"),
        (&["instrument=lam", "lam.sigma=0"], "lam.sigma"),
        (&["instrument=lam", "lam.fold=0"], "lam.fold"),
        (&["instrument=rise", "rise.probability=1"], "probability"),
        (&["instrument=rise", "rise.grid=0"], "rise.grid"),
        (
            &[
                "instrument=integrated-gradients",
                "integrated-gradients.steps=0",
            ],
            "steps",
        ),
        (
            &["instrument=faithfulness", "faithfulness.maps=[]"],
            "no map to try",
        ),
        (
            &["instrument=faithfulness", "faithfulness.steps=0"],
            "faithfulness.steps",
        ),
    ] {
        let message = refusal(MAP, changes);
        assert!(message.contains(said), "{changes:?}: {message}");
    }
    let no_region = MAP.replace("region = [96, 152, 32, 24]\n", "");
    assert!(refusal(&no_region, &[]).contains("add region"));
    with(&no_region, &["instrument=restore"]);
    let no_truth = MAP.replace("truth = \"picture:harbour\"\n", "");
    assert!(refusal(&no_truth, &[]).contains("add truth"));
    with(&no_truth, &["instrument=lam"]);
    for of_psnr in [
        &["instrument=occlusion"][..],
        &["instrument=lam", "lam.detector=psnr"],
        &["instrument=faithfulness"],
    ] {
        assert!(refusal(&no_truth, of_psnr).contains("add truth"));
    }
    with(
        &no_region,
        &[
            "instrument=window-attention",
            "window-attention.pixel=[1, 1]",
        ],
    );
    let no_image = no_truth.replace("image = \"degraded.png\"\n", "");
    assert!(refusal(&no_image, &["instrument=lam"]).contains("no image"));
    let trace_of_psnr = TRACE.replace("logit-difference", "psnr");
    assert!(refusal(&trace_of_psnr, &[]).contains("is of images"));
}
