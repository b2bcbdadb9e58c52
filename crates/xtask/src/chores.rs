use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::packages;

pub(crate) fn test(passed_on: &[String]) -> Result<ExitCode> {
    packages::provide()?;
    let mut cargo = cargo(&["test", "--release", "--workspace"]);
    cargo.args(passed_on);
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        cargo.env("XDG_RUNTIME_DIR", private_folder()?);
    }
    run(cargo)
}

pub(crate) fn train_demos(passed_on: &[String]) -> Result<ExitCode> {
    run_binary("whyfinder-world", "train-demos", passed_on)
}

pub(crate) fn bench(passed_on: &[String]) -> Result<ExitCode> {
    run_binary("whyfinder-bench", "bench", passed_on)
}

fn run_binary(package: &str, name: &str, passed_on: &[String]) -> Result<ExitCode> {
    let mut cargo = cargo(&[
        "run",
        "--release",
        "--package",
        package,
        "--bin",
        name,
        "--",
    ]);
    cargo.args(passed_on);
    run(cargo)
}

pub(crate) fn check() -> Result<ExitCode> {
    let clippy = [
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    for arguments in [&["fmt", "--all", "--check"][..], &clippy] {
        let code = run(cargo(arguments))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    if !has_cargo_deny() {
        println!("cargo-deny is not installed: licences and advisories were not checked.");
        return Ok(ExitCode::SUCCESS);
    }
    run(cargo(&["deny", "check"]))
}

fn has_cargo_deny() -> bool {
    cargo(&["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

fn run(mut command: Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| {
        format!(
            "Could not start {}",
            command.get_program().to_string_lossy()
        )
    })?;
    Ok(match status.code() {
        Some(0) => ExitCode::SUCCESS,
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder that graphics drivers want for their sockets; others may not look into it.
fn private_folder() -> Result<PathBuf> {
    let folder = root().join("target").join("runtime");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("Could not make {}", folder.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("Could not close {} to others", folder.display()))?;
    }
    Ok(folder)
}
