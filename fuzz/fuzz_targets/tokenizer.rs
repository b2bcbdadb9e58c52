#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        // The library panics on some broken files; the reader catches that and says a sentence. libFuzzer would end at
        // any panic, caught or not; one that is not caught still ends it.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| {
        if let Some(target) = whyfinder_hostile::named("tokenizer") {
            // What the person is told is of no interest here; a panic, a hang or too much memory is.
            let _ = (target.ask)(bytes);
        }
    }
);
