//! Keeping memory between passes.

use std::sync::Once;

/// Asks the C library to keep freed memory for the next pass rather than give it back to the system.
///
/// A pass allocates and frees the same few buffers again and again; with the usual settings each comes as fresh pages
/// that the system must first clear, which takes a third of the time of a training step. At most half a gigabyte
/// stays with the process; blocks of more than 128 MiB, such as large weights, still go back at once. Only glibc
/// needs this; elsewhere, and after the first call, it does nothing. [`crate::Decoder::new`] and
/// [`crate::network::Builder::finish`] call it.
pub fn keep_freed() {
    static ONCE: Once = Once::new();
    ONCE.call_once(settings::keep_freed);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod settings {
    #![allow(unsafe_code)]

    use std::ffi::c_int;

    // Parameter numbers from glibc's malloc.h.
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_TOP_PAD: c_int = -2;
    const M_MMAP_THRESHOLD: c_int = -3;

    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }

    pub(super) fn keep_freed() {
        const MIB: c_int = 1 << 20;
        for (parameter, value) in [
            (M_MMAP_THRESHOLD, 128 * MIB),
            (M_TRIM_THRESHOLD, 512 * MIB),
            (M_TOP_PAD, 16 * MIB),
        ] {
            // SAFETY: mallopt takes two integers and may be called at any time; a refusal changes nothing.
            let _ = unsafe { mallopt(parameter, value) };
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod settings {
    pub(super) fn keep_freed() {}
}
