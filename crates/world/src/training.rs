//! The training loop.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use whyfinder_model::kernel::cross_entropy::cross_entropy;
use whyfinder_model::{Decoder, NoProbe, Pass, Unembed};

use crate::checkpoint;
use crate::curtain::Curtain;
use crate::error::{Result, WorldError};
use crate::isles::{CONTEXT, Isles};
use crate::mixture::{Batch, batch};
use crate::optimizer::{Optimizer, Rates};
use crate::parameters::Parameters;
use crate::tokenizer::Encoder;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Steps of the whole schedule.
    pub steps: u64,
    /// Windows in a step.
    pub rows: usize,
    /// Share of the windows that are trained behind the [curtain](crate::curtain).
    pub curtain: f64,
    /// Stop (with a checkpoint) after this long, finished or not.
    pub limit: Option<Duration>,
    /// Where the checkpoint is kept, if it is.
    pub checkpoint: Option<PathBuf>,
    /// Take up the checkpoint that is there.
    pub resume: bool,
    /// Time between checkpoints.
    pub save_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 1_200,
            rows: 32,
            curtain: 0.7,
            limit: None,
            checkpoint: None,
            resume: false,
            save_every: Duration::from_secs(120),
        }
    }
}

/// Largest step sizes.
const PEAK: Rates = Rates {
    adam: 2e-3,
    muon: 0.02,
};
const WARM_UP: u64 = 100;
/// Share of the steps over which the step size falls to [`FLOOR`] of its peak.
const FALLING: f64 = 0.6;
const FLOOR: f64 = 0.02;

/// Step sizes of step `step` of `steps`: a straight rise, a plateau, a straight fall.
pub fn rates(step: u64, steps: u64) -> Rates {
    let up = (step + 1) as f64 / WARM_UP.min(steps / 8).max(1) as f64;
    let down = (steps.saturating_sub(step)) as f64 / (steps as f64 * FALLING).max(1.0);
    let share = up.min(1.0) * down.clamp(FLOOR, 1.0);
    Rates {
        adam: PEAK.adam * share as f32,
        muon: PEAK.muon * share as f32,
    }
}

/// What is said after a step.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Steps taken, this one included.
    pub step: u64,
    /// Weighted mean of the loss, nats.
    pub loss: f32,
    /// Seconds since this call began.
    pub seconds: f64,
    pub decoder: &'a Decoder,
}

/// A model and how far it has come.
#[derive(Clone, Debug)]
pub struct Trained {
    pub parameters: Parameters,
    pub decoder: Decoder,
    pub steps: u64,
    /// Whether the schedule was run to its end.
    pub finished: bool,
}

/// Trains the model of the Isles; `taken` is told of every step.
///
/// # Errors
/// When the checkpoint cannot be read or written, a parameter gets no gradient, or the loss stops being a number.
pub fn train(
    isles: &Isles,
    settings: &Settings,
    taken: &mut dyn FnMut(Taken<'_>),
) -> Result<Trained> {
    let config = isles.decoder_config();
    let parameters = Parameters::new(&config, isles.seed)?;
    let mut optimizer = match &settings.checkpoint {
        Some(path) if settings.resume && path.exists() => {
            checkpoint::load(path, isles.seed, &parameters)?.0
        }
        _ => Optimizer::new(&parameters),
    };
    let save = |optimizer: &Optimizer| match &settings.checkpoint {
        Some(path) => checkpoint::save(path, isles.seed, &parameters, optimizer, None),
        None => Ok(()),
    };
    let mut encoder = Encoder::new(&isles.tokenizer);
    let decoder = parameters.decoder(&config)?;
    let (start, mut saved) = (Instant::now(), Instant::now());
    while optimizer.steps < settings.steps {
        if settings.limit.is_some_and(|limit| start.elapsed() >= limit) {
            break;
        }
        let step = optimizer.steps;
        let windows = batch(isles, &mut encoder, step, settings.rows, CONTEXT)?;
        let loss = loss(&decoder, &windows, settings.curtain)?;
        let value = loss.to_scalar::<f32>()?;
        if !value.is_finite() {
            return Err(WorldError::Training {
                step,
                what: format!("the loss is {value}"),
            });
        }
        optimizer.step(&parameters, &loss.backward()?, rates(step, settings.steps))?;
        taken(Taken {
            step: optimizer.steps,
            loss: value,
            seconds: start.elapsed().as_secs_f64(),
            decoder: &decoder,
        });
        if saved.elapsed() >= settings.save_every {
            save(&optimizer)?;
            saved = Instant::now();
        }
    }
    save(&optimizer)?;
    Ok(Trained {
        decoder,
        parameters,
        steps: optimizer.steps,
        finished: optimizer.steps >= settings.steps,
    })
}

/// Weighted mean loss of a batch, differentiable.
fn loss(decoder: &Decoder, windows: &Batch, curtain: f64) -> Result<Tensor> {
    let (rows, length) = (windows.rows, windows.length);
    let tokens = Tensor::from_slice(&windows.inputs, (rows, length), &Device::Cpu)?;
    let pass = Pass {
        differentiable: true,
        unembed: Unembed::All,
    };
    let logits = if curtain > 0.0 {
        decoder.forward(&tokens, &mut Curtain::new(windows, curtain)?, &pass)?
    } else {
        decoder.forward(&tokens, &mut NoProbe, &pass)?
    };
    let logits = logits.flatten(0, 1)?;
    let targets = Tensor::from_slice(&windows.targets, rows * length, &Device::Cpu)?;
    let weights = Tensor::from_slice(&windows.weights, rows * length, &Device::Cpu)?;
    Ok(cross_entropy(&logits, &targets, &weights)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(parameters: &Parameters) -> Vec<Vec<f32>> {
        parameters
            .0
            .iter()
            .map(|p| {
                p.var
                    .flatten_all()
                    .and_then(|v| v.to_vec1())
                    .expect("values")
            })
            .collect()
    }

    #[test]
    fn rates_rise_stay_and_fall() {
        assert!(rates(0, 2_000).muon < 0.001);
        assert_eq!(rates(500, 2_000), PEAK);
        assert!(rates(1_999, 2_000).adam < 0.05 * PEAK.adam);
    }

    #[test]
    fn a_training_put_down_and_taken_up_ends_where_an_unbroken_one_does() {
        let isles = Isles::new(1).expect("a world");
        let folder = tempfile::tempdir().expect("a folder");
        let settings = |steps, resume, name: &str| Settings {
            steps,
            rows: 1,
            checkpoint: Some(folder.path().join(name)),
            resume,
            ..Settings::default()
        };
        let mut losses = Vec::new();
        let whole = train(&isles, &settings(6, false, "a"), &mut |t| {
            losses.push(t.loss)
        })
        .expect("trains");
        assert!(whole.finished);

        let mut again = Vec::new();
        let stop = Settings {
            limit: Some(Duration::ZERO),
            ..settings(6, false, "b")
        };
        let nothing = train(&isles, &stop, &mut |_| {}).expect("stops");
        assert!(!nothing.finished && nothing.steps == 0);
        // Stopped in the middle by the schedule's own checkpoint: three steps, then the rest.
        let mut half = Optimizer::new(&nothing.parameters);
        for step in 0..3 {
            let mut encoder = Encoder::new(&isles.tokenizer);
            let windows = batch(&isles, &mut encoder, step, 1, CONTEXT).expect("a batch");
            let loss =
                loss(&nothing.decoder, &windows, Settings::default().curtain).expect("a loss");
            again.push(loss.to_scalar::<f32>().expect("a number"));
            let gradients = loss.backward().expect("gradients");
            half.step(&nothing.parameters, &gradients, rates(step, 6))
                .expect("steps");
        }
        checkpoint::save(
            &folder.path().join("b"),
            1,
            &nothing.parameters,
            &half,
            None,
        )
        .expect("saves");
        let rest =
            train(&isles, &settings(6, true, "b"), &mut |t| again.push(t.loss)).expect("trains");
        assert_eq!(losses, again);
        assert_eq!(values(&whole.parameters), values(&rest.parameters));

        let other = Isles::new(2).expect("a world");
        let message = train(&other, &settings(6, true, "b"), &mut |_| {})
            .expect_err("is of another seed")
            .to_string();
        assert!(message.contains("seed 1, not 2"), "{message}");
    }
}
