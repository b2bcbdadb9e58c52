//! An observer that keeps all that it hears.

use whyfinder_experiment::{Experiment, Outcome};
use whyfinder_instrument::{Budget, Observer, Report, measure_image};
use whyfinder_model::network::ImageModel;

/// Cancels after a number of questions, if it is given one.
#[derive(Default)]
pub(crate) struct Listener {
    pub(crate) reports: Vec<Report>,
    pub(crate) asked: std::cell::Cell<usize>,
    pub(crate) cancel_after: Option<usize>,
}

impl Observer for Listener {
    fn report(&mut self, report: Report) {
        self.reports.push(report);
    }

    fn cancelled(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.cancel_after.is_some_and(|n| self.asked.get() > n)
    }
}

pub(crate) fn run(model: &ImageModel, experiment: &Experiment) -> Outcome {
    let mut listener = Listener::default();
    measure_image(model, experiment, &mut listener, &Budget::UNLIMITED).expect("it runs")
}
