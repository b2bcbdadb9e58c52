//! Where Python is.

use std::process::Command;

/// A Python with numpy: the one that `WHYFINDER_PYTHON` names, or the first `python3` that has it.
pub(crate) fn interpreter() -> String {
    let named = std::env::var("WHYFINDER_PYTHON").ok();
    let usual = ["python3", "/usr/bin/python3"].map(String::from);
    let has_numpy = |python: &String| {
        let tried = Command::new(python).args(["-c", "import numpy"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    named.into_iter().chain(usual).find(has_numpy).expect(
        "a python3 with numpy: apt-get install python3-numpy, or name one with WHYFINDER_PYTHON",
    )
}
