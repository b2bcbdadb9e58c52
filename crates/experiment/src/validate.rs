//! What can be wrong with an experiment before any model is opened.

use crate::{
    Corruption, Engine, Experiment, ExperimentError, Input, InstrumentSettings, Metric,
    RunSettings, TraceKind, TraceSettings, validate_image, validate_stopping,
};

/// Noise samples beyond which only the wait grows.
const MOST_SAMPLES: usize = 10_000;

/// Checks everything that can be told without the model.
///
/// # Errors
/// A sentence that says what cannot be meant and what to write instead.
pub fn validate(experiment: &Experiment) -> Result<(), ExperimentError> {
    if experiment.model.trim().is_empty() {
        return refuse("The experiment's model is empty; write demo:NAME, a folder or a hub name.");
    }
    match &experiment.instrument {
        InstrumentSettings::Run { run } => {
            check_input(&experiment.input)?;
            check_run(run)
        }
        InstrumentSettings::Import { import } if import.files.is_empty() => refuse(
            "The numbers of this experiment were computed by another program, and it names no file that holds them.",
        ),
        InstrumentSettings::Import { .. } => Ok(()),
        InstrumentSettings::Image { input, method } => validate_image::check(input, method),
        InstrumentSettings::CausalTrace { corruption, trace } => {
            check_input(&experiment.input)?;
            check_corruption(&experiment.input, corruption)?;
            check_trace(&experiment.input, trace)?;
            check_stopping(corruption, trace)
        }
    }
}

pub(crate) fn refuse<T>(message: impl Into<String>) -> Result<T, ExperimentError> {
    Err(ExperimentError::invalid(message))
}

fn check_input(input: &Input) -> Result<(), ExperimentError> {
    match (&input.prompt, &input.tokens) {
        (None, None) => {
            return refuse("The experiment has no input; add prompt = \"...\" to [input].");
        }
        (Some(_), Some(_)) => {
            return refuse(
                "The experiment gives both a prompt and tokens; remove one of them from [input].",
            );
        }
        (Some(prompt), None) if prompt.is_empty() => {
            return refuse("The prompt is empty; write a text into input.prompt.");
        }
        (None, Some(tokens)) if tokens.is_empty() => {
            return refuse("The list of tokens is empty; write token ids into input.tokens.");
        }
        _ => {}
    }
    check_subject(input)?;
    for (name, text) in [("answer", &input.answer), ("foil", &input.foil)] {
        if text.as_ref().is_some_and(String::is_empty) {
            return refuse(format!(
                "The {name} is empty; write the text of a token into input.{name}, its leading space included."
            ));
        }
    }
    if input.answer.is_some() && input.answer == input.foil {
        return refuse(
            "The answer and the foil are the same; their logit difference is always zero.",
        );
    }
    Ok(())
}

fn check_subject(input: &Input) -> Result<(), ExperimentError> {
    if let Some(subject) = &input.subject {
        if input.subject_tokens.is_some() {
            return refuse(
                "The experiment gives both a subject and subject_tokens; remove one of them from [input].",
            );
        }
        if subject.is_empty() {
            return refuse("The subject is empty; write a part of the prompt into input.subject.");
        }
        match &input.prompt {
            None => {
                return refuse(
                    "A subject is a part of a prompt's text, but the input is given as tokens; write \
                     subject_tokens = [first, end] instead.",
                );
            }
            Some(prompt) if !prompt.contains(subject.as_str()) => {
                return refuse(format!(
                    "The subject \"{subject}\" is not in the prompt \"{prompt}\"; write a part of it, letter for \
                     letter."
                ));
            }
            Some(_) => {}
        }
    }
    if let Some([first, end]) = input.subject_tokens {
        if first >= end {
            return refuse(format!(
                "The range subject_tokens = [{first}, {end}] is empty or reversed; it is half-open, so the end must \
                 be larger than the first."
            ));
        }
        if let Some(tokens) = &input.tokens
            && end > tokens.len()
        {
            return refuse(format!(
                "The range subject_tokens = [{first}, {end}] reaches beyond the {} tokens of the input.",
                tokens.len()
            ));
        }
    }
    Ok(())
}

fn check_run(run: &RunSettings) -> Result<(), ExperimentError> {
    if run.top == 0 && run.sites.is_empty() && !run.attention {
        return refuse(
            "The experiment keeps nothing; name sites in [run] or set run.top to at least 1.",
        );
    }
    Ok(())
}

fn check_corruption(input: &Input, corruption: &Corruption) -> Result<(), ExperimentError> {
    match corruption {
        Corruption::Noise {
            scale,
            samples,
            sd,
            file,
        } => {
            if input.subject.is_none() && input.subject_tokens.is_none() {
                return refuse(
                    "Noise needs a subject to be put on; add subject = \"...\", a part of the prompt, to [input].",
                );
            }
            if *samples == 0 {
                return refuse(
                    "The number of noise samples is 0; set corruption.samples to at least 1.",
                );
            }
            if *samples > MOST_SAMPLES {
                return refuse(format!(
                    "The number of noise samples is {samples}; set corruption.samples to at most {MOST_SAMPLES}."
                ));
            }
            if !scale.is_finite() || *scale < 0.0 {
                return refuse(format!(
                    "The noise scale {scale} is not usable; set corruption.scale to a number of 0 or more."
                ));
            }
            if let Some(sd) = sd
                && !(sd.is_finite() && *sd > 0.0)
            {
                return refuse(format!(
                    "The standard deviation {sd} is not usable; set corruption.sd to a number above 0."
                ));
            }
            if file.as_ref().is_some_and(|f| f.as_os_str().is_empty()) {
                return refuse(
                    "The noise file's name is empty; name a .npy file in corruption.file.",
                );
            }
            if file.is_some() && sd.is_some() {
                return refuse(
                    "A noise file is used as it is, so a standard deviation beside it has no effect; remove \
                     corruption.sd or corruption.file.",
                );
            }
            Ok(())
        }
        Corruption::Replace { prompt } => {
            if prompt.is_empty() {
                return refuse(
                    "The replacement prompt is empty; write a text into corruption.prompt.",
                );
            }
            if input.prompt.as_ref() == Some(prompt) {
                return refuse(
                    "The replacement prompt is the prompt itself, so nothing would be corrupted; change \
                     corruption.prompt.",
                );
            }
            Ok(())
        }
    }
}

/// Whether draws that end early fit the rest.
fn check_stopping(corruption: &Corruption, trace: &TraceSettings) -> Result<(), ExperimentError> {
    validate_stopping::check(
        "trace",
        "the metric's unit",
        trace.confidence,
        trace.resolution,
    )?;
    if trace.confidence.is_some() && matches!(corruption, Corruption::Replace { .. }) {
        return refuse(
            "Another prompt in place of noise leaves nothing to draw again, so that no confidence can end it; remove \
             trace.confidence or set corruption.kind to \"noise\".",
        );
    }
    if trace.confidence.is_some() && trace.engine == Engine::Plain {
        return refuse(
            "The plain engine is for checking and runs every draw; remove trace.confidence or set trace.engine to \
             \"exact\".",
        );
    }
    Ok(())
}

fn check_trace(input: &Input, trace: &TraceSettings) -> Result<(), ExperimentError> {
    if trace.kinds.is_empty() {
        return refuse(
            "The trace restores nothing; name residual, mlp or attention in trace.kinds.",
        );
    }
    if trace.window == 0 {
        return refuse("The window is 0 layers wide; set trace.window to at least 1.");
    }
    for (name, list) in [("kinds", &trace.kinds), ("severed", &trace.severed)] {
        if let Some(twice) = (1..list.len()).find(|&i| list[..i].contains(&list[i])) {
            return refuse(format!(
                "The list trace.{name} names \"{}\" twice; remove one of them.",
                list[twice].name()
            ));
        }
    }
    for kind in &trace.severed {
        if *kind == TraceKind::Residual {
            return refuse(
                "The residual stream cannot be severed, only what is added to it; trace.severed may name mlp and \
                 attention.",
            );
        }
        if trace.kinds.contains(kind) {
            return refuse(format!(
                "The list trace.severed holds the {0} outputs at their corrupted values, and trace.kinds restores them; remove \
                 \"{0}\" from one of the two.",
                kind.name()
            ));
        }
    }
    if trace.metric == Metric::Psnr {
        return refuse(
            "The metric \"psnr\" is of images; set trace.metric to probability, log-probability, logit or \
             logit-difference.",
        );
    }
    if trace.metric.needs_foil() && input.foil.is_none() {
        return refuse(format!(
            "The metric \"{}\" compares the answer with a foil, and there is none; add foil = \" ...\" to [input].",
            trace.metric.name()
        ));
    }
    Ok(())
}
