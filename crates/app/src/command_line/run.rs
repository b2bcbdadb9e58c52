use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use whyfinder_experiment::outcome::{EffectCounts, ImageSummary, TokenProbability};
use whyfinder_experiment::{
    Experiment, Field, InstrumentSettings, Metric, Outcome, partial, read_experiment, write_result,
};
use whyfinder_worker::Kept;

use super::arguments::Run;
use super::carry_out::{measure_hearing, worker_keeping};
use super::command_error::CommandError;
use super::existing;
use super::interruption::Interruption;
use super::out_folder;
use super::progress::{ProgressLine, spoken};
use super::say::say;

pub(crate) fn run(arguments: &Run) -> Result<(), CommandError> {
    let experiment = read_experiment(&arguments.experiment, &arguments.settings.set)?;
    refuse_imports(&experiment)?;
    out_folder::check(&arguments.out)?;
    existing::check_result(&arguments.out, &experiment, arguments.over.force)?;
    let worker = worker_keeping(&arguments.settings.machine, Some(&arguments.out))?;
    let progress = ProgressLine::new(arguments.json);
    let mut kept_in = None;
    let interruption = Interruption::listen();
    let measured =
        measure_hearing(
            &worker,
            experiment,
            &progress,
            &interruption,
            &mut |kept| match kept {
                Kept::In(path) => kept_in = Some(path.clone()),
                news => progress.note(&in_words(news)),
            },
        );
    drop(progress);
    let outcome = measured.map_err(|error| match (error, interruption.status()) {
        (CommandError::Cancelled, Some(status)) => interrupted(kept_in.as_deref(), status),
        (error, _) => error,
    })?;
    write_result(&arguments.out, &outcome).map_err(CommandError::failed)?;
    if let Some(path) = kept_in {
        // Written only by runs that took long enough.
        partial::remove(&path);
    }
    if arguments.json {
        return say(as_json(&arguments.out)?);
    }
    say(as_text(&outcome))?;
    say(format!(
        "Wrote {} and {}.",
        arguments.out.join("result.npz").display(),
        arguments.out.join("result.json").display()
    ))
}

/// What a run that a signal has ended leaves behind, and how to go on.
fn interrupted(kept_in: Option<&Path>, status: u8) -> CommandError {
    let message = match kept_in.filter(|path| path.exists()) {
        Some(path) => format!(
            "The run was interrupted; give the same command again to go on from what is measured. Path: {}",
            path.display()
        ),
        None => "The run was interrupted before there was anything to keep; the same command begins it anew.".into(),
    };
    CommandError::Interrupted { message, status }
}

/// What is left of runs that were interrupted, as a sentence.
fn in_words(news: &Kept) -> String {
    match news {
        Kept::In(path) => format!("What is measured is kept in {}.", path.display()),
        Kept::TakenUp {
            cells,
            parts,
            seconds,
        } => format!(
            "Going on with a run that was interrupted: {} there already, from {}.",
            in_all(*cells, *parts),
            spoken(Duration::from_secs_f64(seconds.clamp(0.0, 1e9)))
        ),
        Kept::Other { path, why } => format!(
            "A run {why} was interrupted here and is not mixed in: run it again to end it, or remove {}. Path: {}",
            if partial::has_parts(path) {
                "its file and the folder of that name"
            } else {
                "its file"
            },
            path.display()
        ),
        Kept::Not(sentence) => sentence.clone(),
    }
}

fn in_all(cells: usize, parts: usize) -> String {
    match (cells, parts) {
        (1, 0) => "1 cell is".to_string(),
        (cells, 0) => format!("{cells} cells are"),
        (0, 1) => "1 part is".to_string(),
        (0, parts) => format!("{parts} parts are"),
        (cells, parts) => format!("{cells} cells and {parts} larger parts are"),
    }
}

/// # Errors
/// A sentence if another program made the numbers.
pub(crate) fn refuse_imports(experiment: &Experiment) -> Result<(), CommandError> {
    match &experiment.instrument {
        InstrumentSettings::Import { .. } => Err(CommandError::bad_request(
            "The numbers of this experiment were computed by another program, so there is nothing to run. Open them, or \
             draw them: whyfinder open FILE, whyfinder figure FILE.",
        )),
        _ => Ok(()),
    }
}

/// The scalars on one line, as they were written.
fn as_json(folder: &Path) -> Result<Value, CommandError> {
    let path = folder.join("result.json");
    std::fs::read(&path)
        .map_err(|e| e.to_string())
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()))
        .map_err(|e| {
            CommandError::failed(format!(
                "The result was written but cannot be read back ({e}): {}",
                path.display()
            ))
        })
}

pub(crate) fn as_text(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let mut lines = Vec::new();
    if let Some(answer) = &summary.answer {
        let mut line = format!("answer      {}", said(answer));
        if let Some(foil) = &summary.foil {
            line.push_str(&format!(", foil {}", said(foil)));
        }
        lines.push(line);
    }
    for (name, value) in &summary.reference {
        let unit = match Metric::named(&summary.metric) {
            Some(Metric::Psnr) => Metric::Psnr.unit(),
            _ => &summary.metric,
        };
        let mut line = format!("{name:<11} {value:.4} {unit}");
        if let Some(stderr) = summary.reference_stderr.get(name).filter(|s| s.is_finite()) {
            line.push_str(&format!(" ± {stderr:.4}"));
        }
        lines.push(line);
    }
    if let Some(image) = &summary.image {
        lines.push(image_line(image));
        lines.extend(
            image
                .notices
                .iter()
                .map(|note| format!("note        {note}")),
        );
    }
    if let Some(effects) = &summary.effects {
        lines.extend(effect_lines(effects));
    }
    let fields: Vec<_> = outcome
        .fields
        .iter()
        .filter(|field| !is_beside_another(field, &outcome.fields))
        .map(|f| size(f) + &peak(f))
        .collect();
    match fields.as_slice() {
        // blocks.*.attn.hook_pattern gives a field per layer; more than a screenful says nothing more.
        [first, .., last] if fields.len() > 12 => {
            lines.push(format!("fields      {}, {first} to {last}", fields.len()));
        }
        few => lines.extend(few.iter().map(|field| format!("field       {field}"))),
    }
    let took = spoken(Duration::from_secs_f64(summary.seconds.clamp(0.0, 1e9)));
    lines.push(format!(
        "took        {took}, {}",
        passes(summary.passes, summary.passes_plain)
    ));
    lines.join("\n")
}

/// Whether a field only tells more of the cells of another one, such as `residual.top` of `residual`.
fn is_beside_another(field: &Field, fields: &[Field]) -> bool {
    fields.iter().any(|other| {
        let rest = field.name.strip_prefix(&other.name);
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
}

/// How many passes, and beside them how many there would be without shortcuts.
pub(crate) fn passes(passes: f64, plain: f64) -> String {
    match passes {
        1.0 => "1 pass".to_string(),
        _ if passes == plain => format!("{passes:.0} passes"),
        _ => format!("{passes:.1} passes (one full pass per cell: {plain:.0})"),
    }
}

/// What the experiment was about: `image       denoise, sigma 50, 256 x 256 pixels, region 32 x 32 at 96, 152`.
fn image_line(image: &ImageSummary) -> String {
    let mut line = format!("image       {}", image.task);
    if let Some(sigma) = image.sigma {
        line.push_str(&format!(", sigma {sigma}"));
    }
    let [width, height] = image.input_size;
    line.push_str(&format!(", {width} x {height} pixels"));
    if image.scale > 1 {
        let [width, height] = image.output_size;
        line.push_str(&format!(" to {width} x {height}"));
    }
    if let Some([x, y, width, height]) = image.region {
        line.push_str(&format!(", region {width} x {height} at {x}, {y}"));
    }
    if !image.truth {
        line.push_str(", no truth");
    }
    line
}

fn effect_lines(effects: &EffectCounts) -> Vec<String> {
    let mut lines = vec![
        format!(
            "blocks      {} positive ({} beyond two standard errors), {} negative ({}), {} zero; {} of the region apart",
            effects.positive,
            effects.significant_positive,
            effects.negative,
            effects.significant_negative,
            effects.zero,
            effects.region
        ),
        format!(
            "stages      {} blocks refined, {} out of the region's reach",
            effects.refined, effects.unreachable
        ),
    ];
    for (name, block) in [("min", effects.min), ("max", effects.max)] {
        if let Some(block) = block {
            lines.push(format!(
                "{name:<11} {:+.4} ± {:.4} dB at row {}, column {}",
                block.effect, block.stderr, block.row, block.column
            ));
        }
    }
    lines
}

fn said(token: &TokenProbability) -> String {
    format!("\"{}\" (probability {:.4})", token.text, token.probability)
}

fn size(field: &Field) -> String {
    let axes: Vec<_> = field
        .axes
        .iter()
        .map(|a| format!("{} {}", a.len(), a.name))
        .collect();
    format!("{} [{}]", field.name, axes.join(", "))
}

/// Where a trace's values lie farthest from the corrupted one; empty for a field that has none.
fn peak(field: &Field) -> String {
    let Some(floor) = field.reference.get("corrupted") else {
        return String::new();
    };
    let effect = |cell: &usize| (field.values[*cell] - floor).abs();
    let highest = (0..field.values.len())
        .filter(|cell| effect(cell).is_finite())
        .max_by(|a, b| effect(a).total_cmp(&effect(b)));
    let (Some(cell), [rows, columns]) = (highest, field.axes.as_slice()) else {
        return String::new();
    };
    let mut said = format!(
        ", farthest from corrupted at {} \"{}\", {} {}: {:.4}",
        rows.name,
        rows.labels.text(cell / columns.len()),
        columns.name,
        columns.labels.text(cell % columns.len()),
        field.values[cell]
    );
    if let Some(stderr) = field
        .stderr
        .as_ref()
        .map(|s| s[cell])
        .filter(|s| s.is_finite())
    {
        said.push_str(&format!(" ± {stderr:.4}"));
    }
    said
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::Axis;

    use super::*;

    #[test]
    fn the_farthest_cell_is_found_below_and_above_and_past_cells_not_measured() {
        let axes = || {
            let tokens = ["The", " tower"].map(str::to_string).to_vec();
            vec![Axis::text("token", tokens), Axis::numbered("layer", 3)]
        };
        let mut field = Field::unmeasured("mlp", axes());
        assert_eq!(peak(&field), "");
        field.reference.insert("corrupted".to_string(), 0.5);
        assert_eq!(peak(&field), "");
        field.values = vec![0.5, 0.9, f32::NAN, 0.4, 0.05, f32::NAN];
        let said = peak(&field);
        assert!(
            said.ends_with("at token \" tower\", layer 1: 0.0500"),
            "{said}"
        );
    }

    #[test]
    fn passes_are_counted_in_words() {
        assert_eq!(passes(1.0, 1.0), "1 pass");
        assert_eq!(passes(8.0, 8.0), "8 passes");
        assert_eq!(
            passes(4.25, 40.0),
            "4.2 passes (one full pass per cell: 40)"
        );
    }
}
