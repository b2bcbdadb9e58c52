//! Files of every version so far open in this one. `tests/fixtures/schema/N` holds files as the program wrote them when
//! version N was the latest; they are never written again.

use std::path::{Path, PathBuf};

use whyfinder_experiment::{
    Corruption, Experiment, ImageMethod, ImageSource, InstrumentSettings, TraceKind,
    parse_experiment, read_experiment, read_result, schema, write_experiment, write_result,
};
use whyfinder_figure::open_origin;

fn folder(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/schema/{version}"))
}

fn is_the_trace(experiment: &Experiment) {
    assert_eq!(
        (experiment.model.as_str(), experiment.seed),
        ("demo:isles", 3)
    );
    assert_eq!(
        experiment.input.prompt.as_deref(),
        Some("The lighthouse of Varn")
    );
    assert_eq!(experiment.input.subject.as_deref(), Some("lighthouse"));
    let InstrumentSettings::CausalTrace { corruption, trace } = &experiment.instrument else {
        panic!("a trace");
    };
    assert_eq!(trace.kinds, [TraceKind::Residual, TraceKind::Mlp]);
    assert_eq!(trace.window, 4);
    let Corruption::Noise { scale, samples, .. } = corruption else {
        panic!("noise");
    };
    assert_eq!((*scale, *samples), (3.0, 2));
}

fn is_the_map(experiment: &Experiment) {
    assert_eq!(
        (experiment.model.as_str(), experiment.seed),
        ("demo:denoise", 5)
    );
    let InstrumentSettings::Image { input, method } = &experiment.instrument else {
        panic!("about an image");
    };
    assert_eq!(
        (input.region, input.sigma),
        (Some([8, 8, 8, 8]), Some(50.0))
    );
    assert!(matches!(&input.truth, Some(ImageSource::File(file)) if file.ends_with("truth.png")));
    let ImageMethod::CausalEffectMap(settings) = method else {
        panic!("a map");
    };
    assert_eq!((settings.block, settings.coarse, settings.fine), (8, 2, 4));
}

#[test]
fn experiments_of_every_version_can_be_read() {
    for version in 1..=schema::EXPERIMENT {
        let folder = folder(version);
        is_the_trace(&read_experiment(&folder.join("trace.toml"), &[]).expect("reads"));
        is_the_map(&read_experiment(&folder.join("map.toml"), &[]).expect("reads"));
    }
}

#[test]
fn results_and_figures_of_every_version_can_be_read() {
    for version in 1..=schema::RESULT.max(schema::EXPERIMENT) {
        let folder = folder(version);
        let trace = read_result(&folder.join("trace.npz")).expect("reads");
        is_the_trace(&trace.experiment);
        assert_eq!(trace.summary.tokens.len(), 8);
        let mlp = trace.field("mlp").expect("was measured");
        assert_eq!(mlp.shape(), [8, 6]);
        assert!((mlp.values.iter().copied().fold(0.0, f32::max) - 0.3443).abs() < 1e-4);
        assert!((trace.summary.reference["clean"] - 0.1995).abs() < 1e-4);
        let map = read_result(&folder.join("map.npz")).expect("reads");
        is_the_map(&map.experiment);
        let effect = map.field("effect").expect("was measured");
        assert_eq!(effect.shape(), [3, 3]);
        assert!((effect.values[3] + 0.4495).abs() < 1e-4);
        assert_eq!(map.provenance.program, "whyfinder 0.1.0");
        for figure in ["figure.svg", "figure-2.svg"] {
            let origin = open_origin(&folder.join(figure)).expect("reads");
            is_the_trace(&origin.sources[0].experiment);
        }
    }
    // Records of figures count their versions by themselves; the second added how the window showed them, and parts.
    let second = open_origin(&folder(1).join("figure-2.svg")).expect("reads");
    let panel = &second.description.panels[0];
    assert_eq!(
        (second.format, panel.part.map(|p| p.rows)),
        (2, Some([1, 6]))
    );
    let first = open_origin(&folder(1).join("figure.svg")).expect("reads");
    assert_eq!((first.format, first.description.panels[0].part), (1, None));
}

#[test]
fn what_is_written_says_its_version_and_who_wrote_it() {
    let place = tempfile::tempdir().expect("a folder");
    let experiment = read_experiment(&folder(1).join("trace.toml"), &[]).expect("reads");
    for name in ["again.toml", "again.json"] {
        let path = place.path().join(name);
        write_experiment(&path, &experiment).expect("writes");
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(
            text.contains("schema") && text.contains(schema::PROGRAM),
            "{text}"
        );
        assert_eq!(read_experiment(&path, &[]).expect("reads"), experiment);
    }
    let outcome = read_result(&folder(1).join("trace.npz")).expect("reads");
    write_result(place.path(), &outcome).expect("writes");
    let json = std::fs::read_to_string(place.path().join("result.json")).expect("text");
    assert!(
        json.contains(&format!("\"schema\": {}", schema::RESULT)),
        "{json}"
    );
    assert_eq!(read_result(place.path()).expect("reads"), outcome);
}

#[test]
fn files_of_a_later_program_say_which_and_what_to_do() {
    let place = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(folder(1).join("trace.toml")).expect("text");
    let later = format!("schema = 99\nprogram = \"whyfinder 8.2.0\"\nnew_key = 1\n{text}");
    let path = place.path().join("later.toml");
    std::fs::write(&path, &later).expect("writes");
    let message = read_experiment(&path, &[]).expect_err("later").to_string();
    for said in [
        "whyfinder 8.2.0",
        "version 99",
        "open it with that version",
        "later.toml",
    ] {
        assert!(message.contains(said), "{message}");
    }
    assert!(parse_experiment(&later, &[]).is_err());

    let outcome = read_result(&folder(1).join("trace.npz")).expect("reads");
    write_result(place.path(), &outcome).expect("writes");
    let path = place.path().join("result.npz");
    later_result(&path);
    let message = read_result(&path).expect_err("later").to_string();
    assert!(
        message.contains("a newer Whyfinder in version 99") && message.contains("result.npz"),
        "{message}"
    );
}

/// Gives a result the number of a later version.
fn later_result(path: &Path) {
    use std::io::{Read, Write};
    let bytes = std::fs::read(path).expect("reads");
    let mut old = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip");
    let mut new = zip::ZipWriter::new(std::fs::File::create(path).expect("creates"));
    for i in 0..old.len() {
        let mut member = old.by_index(i).expect("a member");
        let name = member.name().expect("a name").to_string();
        let mut content = Vec::new();
        member.read_to_end(&mut content).expect("unpacks");
        if name == "schema.npy" {
            let end = content.len();
            content[end - 4..].copy_from_slice(&99u32.to_le_bytes());
        }
        new.start_file(name, zip::write::SimpleFileOptions::default())
            .expect("starts");
        new.write_all(&content).expect("writes");
    }
    new.finish().expect("ends");
}
