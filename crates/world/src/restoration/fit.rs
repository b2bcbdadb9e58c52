//! The training loop of the restoration networks.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use whyfinder_model::network::{Network, NoNodeProbe, forward};

use super::architecture::Demo;
use super::average::Average;
use super::crops::Crops;
use super::deepen;
use super::degrade::SIGMA;
use super::plant::Trainable;
use crate::checkpoint;
use crate::error::{Result, WorldError};
use crate::optimizer::{Optimizer, Rates};

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub demo: Demo,
    /// Of start values, pictures and noise.
    pub seed: u64,
    /// Steps of the whole schedule.
    pub steps: u64,
    /// Largest step sizes.
    pub peak: Rates,
    /// Stop (with a checkpoint) after this long, finished or not.
    pub limit: Option<Duration>,
    /// Where the checkpoint is kept, if it is.
    pub checkpoint: Option<PathBuf>,
    /// Take up the checkpoint that is there.
    pub resume: bool,
    /// Otherwise begin with the weights of this file rather than with fresh ones ([`deepen`]; `denoise` only).
    pub begin: Option<PathBuf>,
    /// Time between checkpoints.
    pub save_every: Duration,
}

impl Settings {
    /// As the bundled network was trained.
    pub fn new(demo: Demo) -> Self {
        let (steps, adam, muon) = match demo {
            Demo::Denoise => (4_800, 8e-4, 0.008),
            Demo::SrWindow => (1_150, 5e-4, 0.005),
            // Four times as fast it falls apart.
            Demo::SrLocal => (1_600, 5e-4, 0.006),
            Demo::SrChannel => (1_200, 5e-4, 0.006),
        };
        Self {
            demo,
            seed: 1,
            steps,
            peak: Rates { adam, muon },
            limit: None,
            checkpoint: None,
            resume: false,
            begin: None,
            save_every: Duration::from_secs(120),
        }
    }
}

const WARM_UP: u64 = 50;
/// What is left of the step size at the end.
const FLOOR: f64 = 0.01;

/// Step sizes of step `step` of `steps`: a straight rise, then half a cosine.
pub fn rates(step: u64, steps: u64, peak: Rates) -> Rates {
    let up = (step + 1) as f64 / WARM_UP.min(steps / 8).max(1) as f64;
    let gone = (step as f64 / steps.max(1) as f64).min(1.0);
    let down = FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + (std::f64::consts::PI * gone).cos());
    let share = (up.min(1.0) * down) as f32;
    Rates {
        adam: peak.adam * share,
        muon: peak.muon * share,
    }
}

/// What is said after a step.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Steps taken, this one included.
    pub step: u64,
    /// Error of the batch, of 255 ([`error`]).
    pub loss: f32,
    /// Seconds since this call began.
    pub seconds: f64,
    /// Of those, seconds that drawing pictures took.
    pub drawing: f64,
    pub training: &'a Training,
}

/// A network in training and how far it has come.
#[derive(Debug)]
pub struct Training {
    pub trainable: Trainable,
    pub average: Average,
    pub steps: u64,
    /// Whether the schedule was run to its end.
    pub finished: bool,
}

impl Training {
    /// Calls `with` with the network of averaged weights.
    ///
    /// # Errors
    /// As `with`, or when memory runs out.
    pub fn averaged<T>(&self, with: impl FnOnce(&Network) -> Result<T>) -> Result<T> {
        let before = self.trainable.exchange(&self.average.values)?;
        let done = self.trainable.network().and_then(|n| with(&n));
        self.trainable.exchange(&before)?;
        done
    }
}

/// What training makes small. Of super-resolvers the mean absolute error; of `denoise` the root of the mean squared one,
/// part by part, since what noise hides is guessed best, in dB, by the mean of what it may be and not by the median.
fn error(demo: Demo, output: &Tensor, truth: &Tensor) -> Result<Tensor> {
    let apart = (output - truth)?;
    Ok(match demo {
        Demo::Denoise => apart.sqr()?.mean((1, 2, 3))?.sqrt()?.mean_all()?,
        _ => apart.abs()?.mean_all()?,
    })
}

/// Trains a network; `taken` is told of every step.
///
/// # Errors
/// When the checkpoint cannot be read or written, a parameter gets no gradient, or the loss stops being a number.
pub fn train(settings: &Settings, taken: &mut dyn FnMut(Taken<'_>)) -> Result<Training> {
    let demo = settings.demo;
    let trainable = demo.untrained(settings.seed)?;
    let (mut optimizer, average) = match &settings.checkpoint {
        Some(path) if settings.resume && path.exists() => {
            checkpoint::load(path, settings.seed, &trainable.parameters)?
        }
        _ => {
            match &settings.begin {
                Some(path) if demo == Demo::Denoise => {
                    deepen::begin(path, settings.seed, &trainable.parameters)?;
                }
                Some(path) => {
                    let what =
                        "Only denoise can begin with other weights; leave --begin out".into();
                    let path = path.clone();
                    return Err(WorldError::Unreadable { what, path });
                }
                None => {}
            }
            (Optimizer::new(&trainable.parameters), None)
        }
    };
    let average = match average {
        Some(average) => average,
        None => Average::new(&trainable.parameters)?,
    };
    let mut training = Training {
        trainable,
        average,
        steps: optimizer.steps,
        finished: false,
    };
    let save = |optimizer: &Optimizer, training: &Training| match &settings.checkpoint {
        Some(path) => checkpoint::save(
            path,
            settings.seed,
            &training.trainable.parameters,
            optimizer,
            Some(&training.average),
        ),
        None => Ok(()),
    };
    let mut crops = Crops::new(demo, settings.seed);
    let (count, side) = demo.batch();
    let (start, mut saved) = (Instant::now(), Instant::now());
    let mut drawing = 0.0;
    while optimizer.steps < settings.steps {
        if settings.limit.is_some_and(|limit| start.elapsed() >= limit) {
            break;
        }
        let step = optimizer.steps;
        let before = Instant::now();
        let batch = crops.batch(step, count, side)?;
        drawing += before.elapsed().as_secs_f64();
        let network = training.trainable.network()?;
        let output = forward(&network, &batch.input, SIGMA / 255.0, &mut NoNodeProbe)?;
        let loss = error(demo, &output, &batch.truth)?;
        let value = 255.0 * loss.to_scalar::<f32>()?;
        if !value.is_finite() {
            return Err(WorldError::Training {
                step,
                what: format!("the loss is {value}"),
            });
        }
        let rates = rates(step, settings.steps, settings.peak);
        let parameters = &training.trainable.parameters;
        optimizer.step(parameters, &loss.backward()?, rates)?;
        training.average.take(optimizer.steps, parameters)?;
        training.steps = optimizer.steps;
        taken(Taken {
            step: optimizer.steps,
            loss: value,
            seconds: start.elapsed().as_secs_f64(),
            drawing,
            training: &training,
        });
        if saved.elapsed() >= settings.save_every {
            save(&optimizer, &training)?;
            saved = Instant::now();
        }
    }
    save(&optimizer, &training)?;
    training.finished = optimizer.steps >= settings.steps;
    Ok(training)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_sizes_rise_and_fall() {
        let peak = Settings::new(Demo::SrLocal).peak;
        assert!(rates(0, 1_000, peak).adam < 0.05 * peak.adam);
        assert!(rates(60, 1_000, peak).muon > 0.95 * peak.muon);
        assert!((rates(500, 1_000, peak).muon / peak.muon - 0.505).abs() < 0.01);
        assert!(rates(999, 1_000, peak).adam < 0.02 * peak.adam);
    }

    #[test]
    fn a_training_put_down_and_taken_up_ends_where_an_unbroken_one_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = |steps, resume, name: &str| Settings {
            steps,
            resume,
            checkpoint: Some(folder.path().join(name)),
            ..Settings::new(Demo::Denoise)
        };
        let run = |settings| train(&settings, &mut |_| {}).expect("trains");
        let whole = run(settings(2, false, "a"));
        // The first step is as long in a schedule of one step as in one of two.
        let first = run(settings(1, false, "b"));
        assert!(first.finished && first.average != whole.average);
        let both = run(settings(2, true, "b"));
        assert_eq!(both.steps, 2);
        assert_eq!(both.average, whole.average);
    }
}
