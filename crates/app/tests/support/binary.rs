//! The real binary, and what it says.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }

    /// The one sentence of a command that came to nothing.
    pub(crate) fn complaint(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}", self.err);
        assert_eq!(self.out, "");
        assert_eq!(self.err.trim_end().lines().count(), 1, "{}", self.err);
        self.err.trim_end()
    }
}

pub(crate) fn whyfinder(folder: &Path, words: &[&str]) -> Said {
    heard(command(folder, words))
}

pub(crate) fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whyfinder"));
    command
        .args(words)
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("RAYON_NUM_THREADS");
    command
}

pub(crate) fn heard(mut command: Command) -> Said {
    let output = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program speaks UTF-8");
    Said {
        code: output.status.code().expect("it ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
