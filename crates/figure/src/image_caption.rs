//! The sentences around a map over an image.

use whyfinder_experiment::image_experiment::{
    Bank, Draws, ImageInput, ImageMethod, InterventionSettings,
};
use whyfinder_experiment::outcome::{BlockEffect, EffectCounts};
use whyfinder_experiment::{InstrumentSettings, Outcome};

use crate::numbers;

/// The map's name.
pub(crate) fn title(outcome: &Outcome) -> &'static str {
    match &outcome.experiment.instrument {
        InstrumentSettings::Image { method, .. } => match method {
            ImageMethod::CausalEffectMap(_) => "Causal effect map",
            ImageMethod::Lam(_) => "Local attribution map",
            ImageMethod::Gradient(_) => "Gradient",
            ImageMethod::IntegratedGradients(_) => "Integrated gradients",
            ImageMethod::Occlusion(_) => "Occlusion",
            ImageMethod::Rise(_) => "RISE",
            ImageMethod::ReceptiveField(_) => "Receptive field",
            ImageMethod::WindowAttention(_) => "Window attention",
            ImageMethod::Faithfulness(_) => "Faithfulness of maps",
            ImageMethod::Restore => "Restored image",
        },
        _ => "Image",
    }
}

/// Pieces of the line above the map: what, of what, how measured.
pub(crate) fn headline(outcome: &Outcome) -> Vec<String> {
    let mut pieces = Vec::new();
    let Some((_, method)) = of(outcome) else {
        return pieces;
    };
    match method {
        ImageMethod::CausalEffectMap(_) => {
            pieces.push("change of the region's PSNR when a block of the input is replaced, dB".into());
            pieces.push("red helps: the region is worse without the block".into());
            pieces.push("blue harms".into());
            pieces.push("hatched: |effect| < 2 s.e.".into());
        }
        ImageMethod::Occlusion(_) => {
            pieces.push("change of the region's PSNR when a block of the input is covered, dB".into());
            pieces.push("red helps, blue harms".into());
        }
        ImageMethod::Lam(lam) => pieces.push(format!(
            "share of each input pixel in the region's detail, integrated over {} steps of a path, |sum over channels|",
            lam.fold
        )),
        ImageMethod::Gradient(_) => pieces.push("gradient at each input pixel".into()),
        ImageMethod::IntegratedGradients(s) => {
            pieces.push(format!("gradient integrated over {} steps", s.steps));
        }
        ImageMethod::Rise(s) => pieces.push(format!("mean score over {} random masks", s.masks)),
        ImageMethod::ReceptiveField(_) => {
            pieces.push("how strongly each input pixel can move the region".into());
        }
        ImageMethod::WindowAttention(_) => {
            pieces.push("what the pixel reads inside its windows".into());
        }
        ImageMethod::Faithfulness(_) => {
            pieces.push("PSNR of the region as blocks are taken away and put back".into());
        }
        ImageMethod::Restore => {}
    }
    pieces
}

/// Pieces of the line below the map: where the numbers come from.
pub(crate) fn footline(outcome: &Outcome) -> Vec<String> {
    let experiment = &outcome.experiment;
    let mut pieces = vec![experiment.model.clone()];
    let Some((input, method)) = of(outcome) else {
        return pieces;
    };
    if let Some(image) = &outcome.summary.image {
        let noise = image.sigma.map_or(String::new(), |sigma| {
            format!(", σ {}", numbers::setting(sigma as f32))
        });
        let scale = if image.scale > 1 {
            format!(" ×{}", image.scale)
        } else {
            String::new()
        };
        pieces.push(format!("{}{scale}{noise}", image.task.replace('-', " ")));
        if let Some([x, y, width, height]) = image.region {
            pieces.push(format!("region {width} × {height} at {x}, {y}"));
        }
    }
    if let Some(source) = input.truth.as_ref().or(input.image.as_ref()) {
        pieces.push(source.to_string());
    }
    if let ImageMethod::CausalEffectMap(settings) = method {
        pieces.extend(intervention(settings));
    }
    pieces.push(format!("seed {}", experiment.seed));
    pieces.push(outcome.provenance.program.clone());
    let digest: String = outcome.provenance.model_digest.chars().take(12).collect();
    if !digest.is_empty() {
        pieces.push(format!("weights {digest}"));
    }
    pieces
}

fn intervention(settings: &InterventionSettings) -> Vec<String> {
    let bank = match &settings.bank {
        Bank::Builtin => "built-in patches".to_string(),
        Bank::File(path) => path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
    };
    let draws = match settings.draws {
        Draws::Numpy => "numpy draws",
        Draws::Stream => "draws by block",
        Draws::Common => "the same draws for all blocks",
    };
    let fine = match settings.confidence {
        None => settings.fine.to_string(),
        Some(confidence) => format!(
            "up to {} (until sign and ± {} dB are known at {} %)",
            settings.fine,
            numbers::setting(settings.resolution as f32),
            numbers::setting(100.0 * confidence as f32)
        ),
    };
    let mut pieces = vec![format!(
        "blocks of {}, {} coarse and {fine} fine draws from {bank}, {draws}, zero below {} dB",
        settings.block,
        settings.coarse,
        numbers::setting(settings.tolerance as f32)
    )];
    if !settings.compatible.is_empty() {
        let names: Vec<_> = settings.compatible.iter().map(|q| q.name()).collect();
        pieces.push(format!("as the authors' program: {}", names.join(", ")));
    }
    pieces
}

/// The counts of a causal effect map, a line each.
pub(crate) fn counts(effects: &EffectCounts) -> Vec<String> {
    let extreme = |name: &str, effect: &Option<BlockEffect>| {
        effect.as_ref().map(|e| {
            let value = numbers::with_error(e.effect, Some(e.stderr), true);
            format!("{name} {value} dB at row {}, column {}", e.row, e.column)
        })
    };
    let mut lines = vec![format!(
        "more than 2 s.e.: {} help, {} harm; {} of the region's own not counted, {} cannot reach it",
        effects.significant_positive,
        effects.significant_negative,
        effects.region,
        effects.unreachable
    )];
    let extremes: Vec<String> = [
        extreme("strongest", &effects.max),
        extreme("most harmful", &effects.min),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !extremes.is_empty() {
        lines.push(extremes.join(" · "));
    }
    lines
}

pub(crate) fn of(outcome: &Outcome) -> Option<(&ImageInput, &ImageMethod)> {
    match &outcome.experiment.instrument {
        InstrumentSettings::Image { input, method } => Some((input, method)),
        _ => None,
    }
}
