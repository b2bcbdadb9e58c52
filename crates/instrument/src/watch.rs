//! A probe that ends a pass when the person has cancelled the run.

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Tensor;
use whyfinder_experiment::{Part, Site};
use whyfinder_model::{ModelError, Probe};

use crate::error::{InstrumentError, Result};
use crate::report::{Observer, Report};

/// Stands in for the person where packs run side by side.
#[derive(Debug, Default)]
pub(crate) struct Halt(AtomicBool);

impl Halt {
    pub(crate) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Observer for Halt {
    fn report(&mut self, _report: Report) {}

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Asks after each block of a language model, so that a long pass need not be waited for.
pub(crate) struct Watch<'a> {
    observer: &'a dyn Observer,
    cancelled: bool,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            cancelled: false,
        }
    }

    /// What came of a pass: a cancelled one is no failure of the model.
    pub(crate) fn settle<T>(&self, result: whyfinder_model::error::Result<T>) -> Result<T> {
        match result {
            _ if self.cancelled => Err(InstrumentError::Cancelled),
            result => Ok(result?),
        }
    }

    fn pass_on(&mut self, value: Tensor) -> whyfinder_model::error::Result<Tensor> {
        if self.observer.cancelled() {
            self.cancelled = true;
            return Err(ModelError::Input("The run was cancelled.".into()));
        }
        Ok(value)
    }
}

impl Probe for Watch<'_> {
    fn wants(&self, site: Site) -> bool {
        site.part == Part::ResidPost
    }

    fn at(&mut self, _site: Site, value: Tensor) -> whyfinder_model::error::Result<Tensor> {
        self.pass_on(value)
    }
}
