#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(target) = whyfinder_hostile::named("result") {
        // What the person is told is of no interest here; a panic, a hang or too much memory is.
        let _ = (target.ask)(bytes);
    }
});
