//! How the cause is disturbed: noise on the subject's embeddings, or another prompt.

use std::ops::Range;

use whyfinder_experiment::{
    Action, Array, Corruption, Intervention, Part, RandomState, Select, Site, read_npy,
};
use whyfinder_model::LanguageModel;

use crate::error::{InstrumentError, Result};
use crate::question::Question;

/// The corrupted run's input, as far as it is known before anything has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CorruptedInput {
    pub(crate) ids: Vec<u32>,
    /// Corrupted runs: noise draws, or one for a replacement.
    pub(crate) samples: usize,
    /// Where noise is put.
    pub(crate) noised: Option<Range<usize>>,
    /// For each clean position the corrupted one that stands for it.
    pub(crate) places: Vec<Option<usize>>,
    /// Before this position the two inputs are the same.
    pub(crate) first_changed: usize,
}

impl CorruptedInput {
    /// # Errors
    /// Noise without a subject; a replacement that is the same in tokens, or that differs in length and in more than
    /// the subject.
    pub(crate) fn read(
        model: &LanguageModel,
        question: &Question,
        corruption: &Corruption,
    ) -> Result<Self> {
        match corruption {
            Corruption::Noise { samples, .. } => {
                let Some(subject) = question.subject.clone() else {
                    return Err(InstrumentError::unfit(
                        "Noise needs a subject to be put on; mark a part of the prompt.",
                    ));
                };
                Ok(Self {
                    ids: question.ids.clone(),
                    samples: *samples,
                    first_changed: subject.start,
                    noised: Some(subject),
                    places: (0..question.ids.len()).map(Some).collect(),
                })
            }
            Corruption::Replace { prompt } => {
                let ids = model.tokenizer.encode(prompt)?.ids;
                let (places, first_changed) = align(&question.ids, &ids, question.subject.clone())?;
                Ok(Self {
                    ids,
                    samples: 1,
                    noised: None,
                    places,
                    first_changed,
                })
            }
        }
    }

    pub(crate) fn last(&self) -> usize {
        self.ids.len() - 1
    }
}

/// Which position of `other` stands for each of `clean`, and the first position at which they differ.
///
/// Prompts of the same length are aligned token by token. Otherwise the tokens before and after the subject must be
/// the same in both; they stand for each other, and the subjects are aligned at their last tokens.
fn align(
    clean: &[u32],
    other: &[u32],
    subject: Option<Range<usize>>,
) -> Result<(Vec<Option<usize>>, usize)> {
    let Some(first_changed) =
        (0..clean.len().max(other.len())).find(|&i| clean.get(i) != other.get(i))
    else {
        return Err(InstrumentError::unfit(
            "The replacement prompt has the same tokens as the prompt, so nothing would be corrupted; change it.",
        ));
    };
    if clean.len() == other.len() {
        return Ok(((0..clean.len()).map(Some).collect(), first_changed));
    }
    let advice = "write a replacement of the same length, or mark the one part of the prompt that it changes as the \
                  subject";
    let differ = |why: &str| {
        InstrumentError::unfit(format!(
            "The replacement prompt has {} tokens and the prompt {}, and {why}; {advice}.",
            other.len(),
            clean.len()
        ))
    };
    let Some(subject) = subject else {
        return Err(differ("no subject says which part was replaced"));
    };
    let behind = clean.len() - subject.end;
    let Some(other_end) = other
        .len()
        .checked_sub(behind)
        .filter(|end| *end > subject.start)
    else {
        return Err(differ(
            "the replacement leaves nothing in place of the subject",
        ));
    };
    if clean[..subject.start] != other[..subject.start]
        || clean[subject.end..] != other[other_end..]
    {
        return Err(differ("they differ outside the subject too"));
    }
    let places = (0..clean.len())
        .map(|t| {
            if t < subject.start {
                return Some(t);
            }
            (t + other_end)
                .checked_sub(subject.end)
                .filter(|place| *place >= subject.start)
        })
        .collect();
    Ok((places, first_changed))
}

/// Noise to be added to the subject's token embeddings, `[samples, subject tokens, width]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Noise {
    values: Vec<f32>,
    subject: Range<usize>,
    width: usize,
    /// Standard deviation of what is added; unknown for a file.
    pub(crate) sd: Option<f32>,
}

impl Noise {
    /// Draws the noise of an experiment, or reads its file. `embeddings` are the prompt's token embeddings,
    /// `[length, width]`.
    ///
    /// Drawn noise is `RandomState(seed).randn(samples, subject tokens, width) * scale * sd`, in f64, where `sd` is by
    /// default the unbiased standard deviation over all values of the subject's token embeddings (Meng et al. 2022
    /// take it over the subjects of a whole set; give that number as `sd`).
    ///
    /// # Errors
    /// A file that cannot be read or has another shape.
    pub(crate) fn of(
        corruption: &Corruption,
        seed: u32,
        subject: Range<usize>,
        embeddings: &[f32],
        width: usize,
    ) -> Result<Option<Self>> {
        let Corruption::Noise {
            scale,
            samples,
            sd,
            file,
        } = corruption
        else {
            return Ok(None);
        };
        if let Some(path) = file {
            let array = read_npy(path)?;
            let wanted = [*samples, subject.len(), width];
            if array.shape != wanted {
                return Err(InstrumentError::unfit(format!(
                    "The noise file has the shape {:?}, but the experiment needs {wanted:?} (samples, subject tokens, width). Path: {}",
                    array.shape,
                    path.display()
                )));
            }
            return Ok(Some(Self {
                values: array.data,
                subject,
                width,
                sd: None,
            }));
        }
        let own = || {
            embeddings
                .get(subject.start * width..subject.end * width)
                .map_or(f64::NAN, deviation)
        };
        let sd = f64::from(*scale) * sd.map_or_else(own, f64::from);
        if !sd.is_finite() {
            return Err(InstrumentError::unfit(
                "The subject's token embeddings have no standard deviation; set corruption.sd.",
            ));
        }
        let values = RandomState::new(seed)
            .normals(samples * subject.len() * width)
            .into_iter()
            .map(|x| (x * sd) as f32)
            .collect();
        Ok(Some(Self {
            values,
            subject,
            width,
            sd: Some(sd as f32),
        }))
    }

    /// The noise of some samples, to be added in the batch rows that begin at `first_row`.
    pub(crate) fn added(&self, samples: Range<usize>, first_row: usize) -> Result<Intervention> {
        let per_sample = self.subject.len() * self.width;
        let values = self
            .values
            .get(samples.start * per_sample..samples.end * per_sample)
            .unwrap_or(&[]);
        let array = Array::new(
            vec![samples.len(), self.subject.len(), self.width],
            values.to_vec(),
        )?;
        Ok(Intervention {
            rows: Select::range(first_row..first_row + samples.len()),
            positions: Select::range(self.subject.clone()),
            ..Intervention::everywhere(Site::outside(Part::Embed), Action::Add(array))
        })
    }
}

/// Standard deviation with n - 1, as `torch.std`; NaN for fewer than two values.
fn deviation(values: &[f32]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
    (squares / (n - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_of_one_length_are_aligned_token_by_token() {
        let (places, first) = align(&[1, 2, 3, 4], &[1, 2, 9, 4], None).expect("aligned");
        assert_eq!(places, [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(first, 2);
    }

    #[test]
    fn a_longer_subject_is_aligned_at_its_end() {
        // a [b c] d e  against  a [x y z] d e
        let (places, first) =
            align(&[1, 2, 3, 4, 5], &[1, 7, 8, 9, 4, 5], Some(1..3)).expect("aligned");
        assert_eq!(places, [Some(0), Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(first, 1);
    }

    #[test]
    fn a_shorter_subject_leaves_tokens_that_nothing_stands_for() {
        let (places, _) = align(&[1, 2, 3, 4, 5], &[1, 9, 5], Some(1..4)).expect("aligned");
        assert_eq!(places, [Some(0), None, None, Some(1), Some(2)]);
    }

    #[test]
    fn what_cannot_be_aligned_is_refused() {
        for (clean, other, subject, said) in [
            (&[1, 2][..], &[1, 2][..], None, "same tokens"),
            (&[1, 2], &[1, 2, 3], None, "no subject"),
            (&[1, 2, 3], &[1, 3], Some(1..2), "nothing in place"),
            (&[1, 2, 3], &[7, 9, 9, 3], Some(1..2), "outside the subject"),
            (&[1, 2, 3], &[1, 9, 9, 4], Some(1..2), "outside the subject"),
        ] {
            let message = align(clean, other, subject)
                .expect_err("must be refused")
                .to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn the_deviation_is_torchs() {
        // torch.tensor([1., 2., 4., 8.]).std() is 3.0957...
        assert!((deviation(&[1.0, 2.0, 4.0, 8.0]) - 3.095_695_936).abs() < 1e-6);
        assert!(deviation(&[1.0]).is_nan());
    }

    #[test]
    fn noise_is_numpys_times_scale_times_deviation() {
        let corruption = Corruption::Noise {
            scale: 2.0,
            samples: 2,
            sd: Some(0.5),
            file: None,
        };
        let noise = Noise::of(&corruption, 1, 1..3, &[], 2)
            .expect("drawn")
            .expect("noise");
        assert_eq!(noise.sd, Some(1.0));
        assert_eq!(noise.values.len(), 8);
        assert!((noise.values[0] - 1.624_345_4).abs() < 1e-6);
        let added = noise.added(1..2, 4).expect("an intervention");
        assert_eq!(added.rows, Select::Only(vec![4]));
        let Action::Add(array) = added.action else {
            panic!("noise is added");
        };
        assert_eq!(array.shape, [1, 2, 2]);
        // numpy.random.RandomState(1).randn(8)[4]
        assert!((array.data[0] - 0.865_407_6).abs() < 1e-6);
    }
}
