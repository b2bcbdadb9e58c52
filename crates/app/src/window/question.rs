//! What the person asks: everything that ends in an experiment. Undo steps through these.

use serde::{Deserialize, Serialize};
use whyfinder_experiment::{
    Corruption, Engine, Experiment, Input, InstrumentSettings, RunSettings, TraceSettings,
};
use whyfinder_worker::protocol::Tokenized;

use super::images::ImageQuestion;

/// Where the subject is in the prompt: the `occurrence`-th (0-based) appearance of `text`.
///
/// Kept as text, so that it survives edits of the prompt elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub text: String,
    pub occurrence: usize,
}

/// How the cause is disturbed; both forms are kept, so that switching loses nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disturbance {
    /// Replace the prompt in place of adding noise.
    pub replace: bool,
    /// Noise: times the standard deviation of the subject's token embeddings.
    pub scale: f32,
    pub samples: usize,
    /// The other prompt.
    pub replacement: String,
}

/// A prompt with what is asked about it, as it stands in the bars above the maps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Question {
    pub prompt: String,
    pub subject: Option<Subject>,
    /// `None`: the clean run's most likely next token.
    pub answer: Option<String>,
    pub foil: Option<String>,
    pub seed: u32,
    pub disturbance: Disturbance,
    pub trace: TraceSettings,
    /// What is asked of image networks.
    pub images: ImageQuestion,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            subject: None,
            answer: None,
            foil: None,
            seed: 1,
            disturbance: Disturbance {
                replace: false,
                scale: 3.0,
                samples: 10,
                replacement: String::new(),
            },
            trace: TraceSettings {
                window: 3,
                ..TraceSettings::default()
            },
            images: ImageQuestion::default(),
        }
    }
}

impl Subject {
    /// The subject that covers tokens `[from, to)`; `None` if none of them is in the text.
    pub fn of_tokens(tokens: &Tokenized, from: usize, to: usize) -> Option<Self> {
        let spans = tokens.spans.get(from..to)?;
        let start = spans.iter().find(|s| s.1 > s.0)?.0;
        let end = spans.iter().rev().find(|s| s.1 > s.0)?.1;
        let covered = tokens.text.get(start..end)?;
        let text = covered.trim();
        if text.is_empty() {
            return None;
        }
        let start = start + (covered.len() - covered.trim_start().len());
        let occurrence = tokens
            .text
            .match_indices(text)
            .take_while(|(at, _)| *at < start)
            .count();
        Some(Self {
            text: text.to_string(),
            occurrence,
        })
    }

    /// Byte range in a prompt.
    pub fn bytes(&self, prompt: &str) -> Option<(usize, usize)> {
        if self.text.is_empty() {
            return None;
        }
        let (at, found) = prompt.match_indices(&self.text).nth(self.occurrence)?;
        Some((at, at + found.len()))
    }

    /// The tokens that it touches, half-open.
    pub fn tokens(&self, tokens: &Tokenized) -> Option<[usize; 2]> {
        let (start, end) = self.bytes(&tokens.text)?;
        let touches = |s: &(usize, usize)| s.1 > s.0 && s.0 < end && s.1 > start;
        let first = tokens.spans.iter().position(touches)?;
        let last = tokens.spans.iter().rposition(touches)?;
        Some([first, last + 1])
    }
}

impl Question {
    /// The question that an experiment puts; fields that the window has no control for are dropped.
    pub fn of_experiment(experiment: &Experiment) -> Self {
        let input = &experiment.input;
        let prompt = input.prompt.clone().unwrap_or_default();
        let mut question = Self {
            subject: input.subject.as_ref().map(|text| Subject {
                text: text.trim().to_string(),
                occurrence: 0,
            }),
            answer: input.answer.clone(),
            foil: input.foil.clone(),
            seed: experiment.seed,
            prompt,
            ..Self::default()
        };
        if let InstrumentSettings::CausalTrace { corruption, trace } = &experiment.instrument {
            question.trace = trace.clone();
            match corruption {
                Corruption::Noise { scale, samples, .. } => {
                    question.disturbance.scale = *scale;
                    question.disturbance.samples = *samples;
                }
                Corruption::Replace { prompt } => {
                    question.disturbance.replace = true;
                    question.disturbance.replacement = prompt.clone();
                }
            }
        }
        question
    }

    /// One forward pass with every attention pattern kept.
    pub fn run_experiment(&self, model: &str) -> Experiment {
        Experiment {
            model: model.to_string(),
            seed: self.seed,
            input: Input {
                prompt: Some(self.prompt.clone()),
                ..Input::default()
            },
            instrument: InstrumentSettings::Run {
                run: RunSettings {
                    attention: true,
                    ..RunSettings::default()
                },
            },
        }
    }

    /// Whether there are draws that a confidence could end.
    fn ends_early(&self) -> bool {
        !self.disturbance.replace && self.trace.engine == Engine::Exact
    }

    /// The causal trace; `None` while something that it needs is missing.
    ///
    /// A replacement prompt needs no subject: the tokens that differ are the cause.
    pub fn trace_experiment(&self, model: &str, tokens: Option<&Tokenized>) -> Option<Experiment> {
        let tokens = tokens.filter(|t| t.text == self.prompt);
        let subject_tokens = self.subject.as_ref().and_then(|s| s.tokens(tokens?));
        let subject = match (&subject_tokens, &self.subject) {
            (None, Some(s)) if s.bytes(&self.prompt).is_some() => Some(s.text.clone()),
            _ => None,
        };
        let corruption = if self.disturbance.replace {
            if self.disturbance.replacement.trim().is_empty() {
                return None;
            }
            Corruption::Replace {
                prompt: self.disturbance.replacement.clone(),
            }
        } else {
            if subject.is_none() && subject_tokens.is_none() {
                return None;
            }
            Corruption::Noise {
                scale: self.disturbance.scale,
                samples: self.disturbance.samples,
                sd: None,
                file: None,
            }
        };
        if self.trace.kinds.is_empty() {
            return None;
        }
        Some(Experiment {
            model: model.to_string(),
            seed: self.seed,
            input: Input {
                prompt: Some(self.prompt.clone()),
                tokens: None,
                subject,
                subject_tokens,
                answer: self.answer.clone(),
                foil: self.foil.clone(),
            },
            instrument: InstrumentSettings::CausalTrace {
                trace: TraceSettings {
                    confidence: self.ends_early().then_some(self.trace.confidence).flatten(),
                    ..self.trace.clone()
                },
                corruption,
            },
        })
    }

    /// Drops what no longer fits after the prompt was edited.
    pub fn forget_what_left_the_prompt(&mut self) {
        if let Some(subject) = &mut self.subject {
            while subject.bytes(&self.prompt).is_none() {
                match subject.occurrence.checked_sub(1) {
                    Some(earlier) => subject.occurrence = earlier,
                    None => {
                        self.subject = None;
                        break;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(parts: &[&str]) -> Tokenized {
        let text: String = parts.concat();
        let mut at = 0;
        let spans = parts
            .iter()
            .map(|p| {
                let span = (at, at + p.len());
                at += p.len();
                span
            })
            .collect();
        Tokenized {
            ticket: 0,
            model: "m".into(),
            ids: (0..parts.len() as u32).collect(),
            tokens: parts.iter().map(|p| (*p).to_string()).collect(),
            text,
            spans,
            error: None,
        }
    }

    #[test]
    fn a_marked_span_of_tokens_is_found_again() {
        let t = tokens(&["The", " Or", "vane", " and", " the", " Or", "vane"]);
        for range in [[1, 3], [5, 7], [0, 1], [3, 5]] {
            let subject = Subject::of_tokens(&t, range[0], range[1]).expect("in the text");
            assert_eq!(subject.tokens(&t), Some(range), "{subject:?}");
        }
        let second = Subject::of_tokens(&t, 5, 7).expect("in the text");
        assert_eq!((second.text.as_str(), second.occurrence), ("Orvane", 1));
    }

    #[test]
    fn a_subject_survives_edits_elsewhere_and_leaves_with_its_text() {
        let t = tokens(&["The", " Or", "vane", " Tower", " is"]);
        let mut q = Question {
            prompt: t.text.clone(),
            subject: Subject::of_tokens(&t, 1, 4),
            ..Question::default()
        };
        q.prompt = "See: the Orvane Tower stands".into();
        q.forget_what_left_the_prompt();
        assert!(q.subject.is_some());
        q.prompt = "The Tower".into();
        q.forget_what_left_the_prompt();
        assert_eq!(q.subject, None);
    }

    #[test]
    fn a_trace_waits_for_a_subject_or_a_replacement() {
        let t = tokens(&["The", " Or", "vane", " is"]);
        let mut q = Question {
            prompt: t.text.clone(),
            ..Question::default()
        };
        assert_eq!(q.trace_experiment("m", Some(&t)), None);
        q.disturbance.replace = true;
        assert_eq!(q.trace_experiment("m", Some(&t)), None);
        q.disturbance.replacement = "The Kal is".into();
        assert!(q.trace_experiment("m", Some(&t)).is_some());
        q.disturbance.replace = false;
        q.subject = Subject::of_tokens(&t, 1, 3);
        let experiment = q.trace_experiment("m", Some(&t)).expect("a subject");
        assert_eq!(experiment.input.subject_tokens, Some([1, 3]));
        // Before the tokens are known, the words themselves say where the subject is.
        let early = q.trace_experiment("m", None).expect("a subject");
        assert_eq!(early.input.subject.as_deref(), Some("Orvane"));
    }

    #[test]
    fn an_experiment_comes_back_as_the_question_it_was() {
        let t = tokens(&["The", " Or", "vane", " is"]);
        let q = Question {
            prompt: t.text.clone(),
            subject: Subject::of_tokens(&t, 1, 3),
            answer: Some(" Brelle".into()),
            seed: 7,
            ..Question::default()
        };
        let mut experiment = q.trace_experiment("m", None).expect("a subject");
        assert_eq!(Question::of_experiment(&experiment), q);
        experiment.input.subject = None;
        assert_eq!(Question::of_experiment(&experiment).subject, None);
    }
}
