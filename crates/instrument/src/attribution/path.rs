//! Paths from a picture without detail to the picture.

use whyfinder_experiment::image_experiment::{Baseline, LamPath, LamSettings};
use whyfinder_model::network::Rect;

use super::blur::Blur;
use super::pixels::Pixels;

/// Where on each piece of the path the gradient is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// At its end (Gu and Dong 2021): the picture itself is among the points, the baseline is not.
    End,
    /// In its middle: the error falls with the square of the number of steps.
    Middle,
}

/// A path in `fold` pieces of equal parameter.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    picture: Pixels,
    fold: usize,
    rule: Rule,
    course: Course,
    /// Outside, the picture stands still: nothing there is read.
    within: Rect,
}

#[derive(Clone, Debug)]
enum Course {
    /// Blurs whose standard deviation falls evenly to zero.
    Blurs { sigma: f64, side: usize },
    /// Straight from a picture.
    Straight(Pixels),
}

/// One point of the path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) picture: Pixels,
    /// How fast each value changes there, per whole path.
    pub(crate) speed: Vec<f32>,
}

impl Path {
    /// The path of a local attribution map. `within` is what the region can read of the picture.
    pub(crate) fn of_lam(picture: &Pixels, settings: &LamSettings, within: Rect) -> Self {
        let blur = || Blur::new(settings.sigma, settings.kernel);
        let course = match settings.path {
            LamPath::ProgressiveBlur => Course::Blurs {
                sigma: settings.sigma,
                side: settings.kernel,
            },
            LamPath::GaussianLinear => Course::Straight(blurred(picture, &blur(), &within)),
            LamPath::BlackLinear => Course::Straight(picture.filled(&[0.0])),
        };
        Self {
            picture: picture.clone(),
            fold: settings.fold.max(1),
            rule: Rule::End,
            course,
            within,
        }
    }

    /// The straight path of integrated gradients.
    pub(crate) fn straight(picture: &Pixels, from: Pixels, steps: usize, within: Rect) -> Self {
        Self {
            picture: picture.clone(),
            fold: steps.max(1),
            rule: Rule::Middle,
            course: Course::Straight(from),
            within,
        }
    }

    pub(crate) fn fold(&self) -> usize {
        self.fold
    }

    /// Where the path begins.
    pub(crate) fn start(&self) -> Pixels {
        match &self.course {
            Course::Blurs { sigma, side } => {
                blurred(&self.picture, &Blur::new(*sigma, *side), &self.within)
            }
            Course::Straight(from) => self.laid_in(|i| f64::from(from.values[i])),
        }
    }

    /// Where the path ends.
    pub(crate) fn end(&self) -> &Pixels {
        &self.picture
    }

    /// The point of piece `i`, counted from 0.
    pub(crate) fn step(&self, i: usize) -> Step {
        let fold = self.fold as f64;
        match &self.course {
            Course::Blurs { sigma, side } => {
                let at = |i: usize| {
                    let left = sigma * (1.0 - i as f64 / fold);
                    Blur::new(left, *side).apply(&self.picture, &self.within)
                };
                let (before, here) = (at(i), at(i + 1));
                let speeds = here.iter().zip(&before).map(|(h, b)| (h - b) * fold);
                let mut speed = vec![0.0; self.picture.values.len()];
                self.put(&mut speed, speeds);
                let mut picture = self.picture.clone();
                self.put(&mut picture.values, here.iter().copied());
                Step { picture, speed }
            }
            Course::Straight(from) => {
                let t = match self.rule {
                    Rule::End => (i as f64 + 1.0) / fold,
                    Rule::Middle => (i as f64 + 0.5) / fold,
                };
                let (start, end) = (&from.values, &self.picture.values);
                let way = |i: usize| f64::from(end[i]) - f64::from(start[i]);
                let picture = self.laid_in(|i| f64::from(start[i]) + t * way(i));
                Step {
                    picture,
                    speed: (0..end.len()).map(|i| way(i) as f32).collect(),
                }
            }
        }
    }

    /// The picture with other values where it is read.
    fn laid_in(&self, value: impl Fn(usize) -> f64) -> Pixels {
        let mut picture = self.picture.clone();
        for row in self.within.rows.clone() {
            for i in self.picture.span(row, &self.within) {
                picture.values[i] = value(i) as f32;
            }
        }
        picture
    }

    fn put(&self, into: &mut [f32], values: impl Iterator<Item = f64>) {
        let places = self.within.rows.clone();
        let places = places.flat_map(|row| self.picture.span(row, &self.within));
        for (place, value) in places.zip(values) {
            into[place] = value as f32;
        }
    }
}

/// What integrated gradients begin with.
pub(crate) fn baseline(
    picture: &Pixels,
    kind: Baseline,
    (sigma, kernel): (f64, usize),
    within: &Rect,
) -> Pixels {
    match kind {
        Baseline::Blur => blurred(picture, &Blur::new(sigma, kernel), within),
        Baseline::Black => picture.filled(&[0.0]),
        Baseline::Mean => picture.filled(&picture.mean(&picture.whole())),
    }
}

fn blurred(picture: &Pixels, blur: &Blur, within: &Rect) -> Pixels {
    let mut blurred = picture.clone();
    let places = within
        .rows
        .clone()
        .flat_map(|row| picture.span(row, within));
    for (place, value) in places.zip(blur.apply(picture, within)) {
        blurred.values[place] = value as f32;
    }
    blurred
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Pixels {
        Pixels {
            height: 6,
            width: 5,
            channels: 1,
            values: (0..30).map(|i| ((i * 7) % 11) as f32 / 10.0).collect(),
        }
    }

    #[test]
    fn every_path_ends_at_the_picture_and_its_speeds_add_up_to_the_way() {
        let picture = picture();
        for path in [
            LamPath::ProgressiveBlur,
            LamPath::GaussianLinear,
            LamPath::BlackLinear,
        ] {
            let settings = LamSettings {
                path,
                fold: 7,
                ..LamSettings::default()
            };
            let path = Path::of_lam(&picture, &settings, picture.whole());
            let last = path.step(6).picture;
            for (a, b) in last.values.iter().zip(&picture.values) {
                assert!((a - b).abs() < 1e-6);
            }
            let start = path.start();
            for i in 0..30 {
                let sum: f32 = (0..7).map(|k| path.step(k).speed[i]).sum();
                let way = picture.values[i] - start.values[i];
                assert!((sum / 7.0 - way).abs() < 1e-5, "{sum} {way}");
            }
        }
    }

    #[test]
    fn a_straight_path_meets_its_pieces_in_their_middles() {
        let picture = picture();
        let path = Path::straight(&picture, picture.filled(&[0.0]), 2, picture.whole());
        let half = path.step(0).picture.values[3] / picture.values[3];
        assert!((half - 0.25).abs() < 1e-6);
    }
}
