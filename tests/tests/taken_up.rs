//! Runs of few large parts that are interrupted anywhere and taken up again, and how much room a result is said to want
//! beforehand.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;

use whyfinder_experiment::{Experiment, Outcome, parse_experiment};
use whyfinder_instrument::{
    Budget, InstrumentError, MeasuredCell, Observer, Report, Stage, measure, measure_image,
};
use whyfinder_model::network::{ImageModel, open_network};
use whyfinder_model::{LanguageModel, OpenOptions, open};

/// How a run ends early.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// A person asks for it: what is done is kept.
    Asked,
    /// Without a warning: only what was kept before is there.
    Killed,
}

/// Keeps parts in memory, and ends a run the so-and-so-many-th time that it asks.
struct Shelf {
    parts: HashMap<(u32, String, usize), Vec<f32>>,
    asked: Cell<usize>,
    last: usize,
    end: End,
    size: Option<u64>,
    reported: usize,
    started: bool,
    /// Parts that were taken up.
    taken: Cell<usize>,
}

impl Shelf {
    fn new(last: usize, end: End) -> Self {
        Self {
            parts: HashMap::new(),
            asked: Cell::new(0),
            last,
            end,
            size: None,
            reported: 0,
            started: false,
            taken: Cell::new(0),
        }
    }

    fn is_over(&self) -> bool {
        self.asked.get() > self.last
    }
}

fn key(of: Stage<'_>, part: usize) -> (u32, String, usize) {
    (of.number, of.field.to_string(), part)
}

impl Observer for Shelf {
    fn report(&mut self, report: Report) {
        match report {
            Report::Started { .. } => self.started = true,
            Report::Field(_) | Report::Attention(_) => self.reported += 1,
            Report::Cells { .. } | Report::Progress(_) => {}
        }
    }

    fn announce(&mut self, result_bytes: u64) -> Result<(), InstrumentError> {
        assert!(
            !self.started && self.asked.get() == 0,
            "the size comes first"
        );
        self.size = Some(result_bytes);
        Ok(())
    }

    fn cancelled(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.is_over()
    }

    fn known_part(&self, of: Stage<'_>, part: usize, len: usize) -> Option<Vec<f32>> {
        let found = self.parts.get(&key(of, part))?;
        (found.len() == len).then(|| {
            self.taken.set(self.taken.get() + 1);
            found.clone()
        })
    }

    fn wants_parts(&mut self) -> bool {
        self.end == End::Killed
    }

    fn keep_part(&mut self, of: Stage<'_>, part: usize, values: &[&[f32]]) -> bool {
        if self.end == End::Killed && self.is_over() {
            return false;
        }
        self.parts.insert(key(of, part), values.concat());
        true
    }

    fn drop_part(&mut self, of: Stage<'_>, part: usize) {
        self.parts.remove(&key(of, part));
    }

    fn keep(&mut self, _of: Stage<'_>, _cell: &MeasuredCell) {}
}

fn experiment(text: &str) -> Experiment {
    parse_experiment(text, &[]).expect("a good experiment")
}

/// All numbers, as bits.
fn bits(outcome: &Outcome) -> Vec<(String, Vec<usize>, Vec<u32>)> {
    let fields = outcome.fields.iter();
    fields
        .map(|field| {
            let values = field.values.iter().map(|v| v.to_bits());
            (field.name.clone(), field.shape(), values.collect())
        })
        .collect()
}

fn same(whole: &Outcome, again: &Outcome, what: &str) {
    assert!(bits(whole) == bits(again), "{what}");
    assert!(whole.attention == again.attention, "{what}: attention");
    let summary = |outcome: &Outcome| {
        let mut summary = outcome.summary.clone();
        summary.seconds = 0.0;
        format!("{summary:?}")
    };
    assert_eq!(summary(whole), summary(again), "{what}");
    assert_eq!(whole.distributions, again.distributions, "{what}");
}

/// Interrupts a run at `places` places, in both ways, and takes it up each time. The first `shallow` of its questions
/// come while there may be nothing to go on from.
fn is_taken_up(
    what: &str,
    places: usize,
    shallow: usize,
    run: &dyn Fn(&mut Shelf) -> Result<Outcome, InstrumentError>,
) {
    let mut quiet = Shelf::new(usize::MAX, End::Asked);
    let whole = run(&mut quiet).expect("runs");
    let asked = quiet.asked.get();
    assert!(quiet.parts.is_empty(), "{what}: nothing was to be kept");
    for end in [End::Asked, End::Killed] {
        for place in 0..places {
            let last = place * asked / places;
            let here = format!("{what}, {end:?} at {last} of {asked}");
            let mut shelf = Shelf::new(last, end);
            let cancelled = run(&mut shelf).expect_err("it was to end");
            assert!(matches!(cancelled, InstrumentError::Cancelled), "{here}");
            let kept = !shelf.parts.is_empty();
            assert!(kept || last < shallow, "{here}: nothing is kept");
            let mut rest = Shelf::new(usize::MAX, End::Asked);
            rest.parts = shelf.parts;
            let again = run(&mut rest).expect("goes on");
            same(&whole, &again, &here);
            assert_eq!(rest.reported, quiet.reported, "{here}: all is shown");
            assert_eq!(rest.taken.get() > 0, kept, "{here}: it is made use of");
        }
    }
}

fn language_model(family: &str) -> LanguageModel {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/trace")
        .join(family);
    open(&folder.display().to_string(), &OpenOptions::default()).expect("the fixture opens")
}

fn all_sites(model: &LanguageModel) -> String {
    let sites = model.decoder.sites();
    let list: Vec<String> = sites.iter().map(|s| format!("\"{s}\"")).collect();
    list.join(", ")
}

#[test]
fn a_pass_through_a_language_model_goes_on_at_its_last_block() {
    for family in ["gpt2", "llama", "neox"] {
        let model = language_model(family);
        let text = |run: &str| {
            format!(
                "instrument = \"run\"\nmodel = \"fixture\"\n[input]\n\
                 prompt = \"The tower of Varn stands in the old city of\"\n[run]\n{run}\n"
            )
        };
        for run in [
            format!("sites = [{}]\nattention = true", all_sites(&model)),
            "attention = true\ntop = 3".to_string(),
            "sites = [\"blocks.*.attn.hook_pattern\", \"ln_final.hook_normalized\"]".to_string(),
        ] {
            let experiment = experiment(&text(&run));
            let go = |shelf: &mut Shelf| measure(&model, &experiment, shelf, &Budget::UNLIMITED);
            // As many questions as one block asks at most.
            is_taken_up(&format!("{family} {run}"), 40, 80, &go);
        }
    }
}

fn network(name: &str) -> ImageModel {
    open_network(name, &OpenOptions::default()).expect("the network opens")
}

fn of_picture(instrument: &str, model: &str, more: &str) -> Experiment {
    let sigma = match model {
        "demo:denoise" => "sigma = 25\n",
        _ => "",
    };
    let text = format!(
        "instrument = \"{instrument}\"\nmodel = \"{model}\"\nseed = 2\n[input]\n\
         truth = \"picture:leaves-1\"\nregion = [96, 96, 32, 32]\n{sigma}{more}"
    );
    experiment(&text)
}

#[test]
fn a_pass_over_a_whole_picture_goes_on_behind_its_last_operation() {
    for (instrument, model) in [
        ("restore", "demo:denoise"),
        ("restore", "demo:sr-channel"),
        ("window-attention", "demo:sr-window"),
    ] {
        let network = network(model);
        let experiment = of_picture(instrument, model, "");
        let go =
            |shelf: &mut Shelf| measure_image(&network, &experiment, shelf, &Budget::UNLIMITED);
        is_taken_up(&format!("{instrument} of {model}"), 8, 2, &go);
    }
}

#[test]
fn a_picture_in_tiles_goes_on_at_its_last_tile() {
    let network = network("demo:denoise");
    let experiment = of_picture("restore", "demo:denoise", "");
    let budget = Budget { bytes: 12 << 20 };
    let go = |shelf: &mut Shelf| measure_image(&network, &experiment, shelf, &budget);
    is_taken_up("tiles", 5, 1, &go);
}

/// What is said beforehand, and what the fields take in the end.
fn sizes(outcome: &Outcome, shelf: &Shelf) -> [u64; 2] {
    let fields: u64 = outcome.fields.iter().map(|f| f.stored_bytes()).sum();
    let attention: u64 = outcome.attention.iter().map(|a| a.bytes()).sum();
    [shelf.size.expect("it was said"), fields + attention]
}

#[test]
fn every_instrument_says_beforehand_how_much_room_its_result_wants() {
    let mut all = Vec::new();
    let mut add = |name: &str, found: Result<Outcome, InstrumentError>, shelf: &Shelf| {
        let outcome = found.unwrap_or_else(|e| panic!("{name}: {e}"));
        all.push((name.to_string(), sizes(&outcome, shelf)));
    };
    let model = language_model("llama");
    let prompt = "[input]\nprompt = \"The tower of Varn stands in the old city of\"\n";
    for (name, text) in [
        (
            "run",
            format!("[run]\nsites = [{}]\nattention = true\n", all_sites(&model)),
        ),
        ("causal-trace", "[corruption]\nsamples = 30\n".to_string()),
    ] {
        let text = format!(
            "instrument = \"{name}\"\nmodel = \"fixture\"\n{prompt}{}{text}",
            if name == "run" {
                ""
            } else {
                "subject = \"Varn\"\n"
            }
        );
        let mut shelf = Shelf::new(usize::MAX, End::Asked);
        let found = measure(&model, &experiment(&text), &mut shelf, &Budget::UNLIMITED);
        add(name, found, &shelf);
    }
    for (name, network_name, more) in [
        ("restore", "demo:denoise", ""),
        ("restore", "demo:sr-local", ""),
        (
            "causal-effect-map",
            "demo:sr-channel",
            "[intervention]\nblock = 64\ncoarse = 2\nfine = 3\nmediation = true\n",
        ),
        (
            "causal-effect-map",
            "demo:denoise",
            "[intervention]\nblock = 32\ncoarse = 4\nfine = 0\nonly = [2, 2]\ndraws = \"stream\"\n",
        ),
        ("occlusion", "demo:denoise", "[occlusion]\nblock = 32\n"),
        ("gradient", "demo:denoise", ""),
        ("lam", "demo:sr-local", "[lam]\nfold = 3\n"),
        (
            "integrated-gradients",
            "demo:denoise",
            "[integrated-gradients]\nsteps = 3\n",
        ),
        ("rise", "demo:denoise", "[rise]\nmasks = 3\n"),
        (
            "receptive-field",
            "demo:denoise",
            "[receptive-field]\ninputs = 2\n",
        ),
        ("window-attention", "demo:sr-window", ""),
        (
            "faithfulness",
            "demo:denoise",
            "[faithfulness]\nmaps = [\"gradient\"]\nrandom = 2\nsteps = 4\n",
        ),
    ] {
        let experiment = of_picture(name, network_name, more);
        let mut shelf = Shelf::new(usize::MAX, End::Asked);
        let network = network(network_name);
        let found = measure_image(&network, &experiment, &mut shelf, &Budget::UNLIMITED);
        add(&format!("{name} of {network_name}"), found, &shelf);
    }
    for (name, [said, taken]) in all {
        assert!(said >= taken, "{name}: {said} said, {taken} taken");
        assert!(
            said as f64 <= 1.25 * taken as f64,
            "{name}: {said} said, {taken} taken"
        );
    }
}
