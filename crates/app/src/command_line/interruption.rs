//! Ctrl-C and a request to end: the first is heeded at the next cell, so that what is measured is kept; a second one ends
//! the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a shell adds to a signal's number in the exit status.
const ENDED_BY_SIGNAL: usize = 128;

/// Listens from when it is made to the program's end.
#[derive(Debug, Default)]
pub(crate) struct Interruption {
    /// The signal's number; 0 before one came.
    signal: Arc<AtomicUsize>,
}

impl Interruption {
    /// Where signals cannot be listened to, they end the program as ever.
    #[cfg(unix)]
    pub(crate) fn listen() -> Self {
        use std::sync::atomic::AtomicBool;

        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::flag;

        let this = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let number = signal as usize;
            let status = signal + ENDED_BY_SIGNAL as i32;
            // In this order: only a second signal finds the flag up.
            let heard = flag::register_conditional_shutdown(signal, status, Arc::clone(&again))
                .and_then(|_| flag::register(signal, Arc::clone(&again)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&this.signal), number));
            // Fails for signals that may not be caught, and these two may.
            heard.ok();
        }
        this
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Self {
        Self::default()
    }

    /// The exit status to end with, once a signal has come.
    pub(crate) fn status(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => u8::try_from(ENDED_BY_SIGNAL + signal).ok(),
        }
    }
}
