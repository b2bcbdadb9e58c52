//! What the tests need from the system: for the window a software Vulkan driver, a display without a screen, and two
//! tools that stand in for a hand and an eye; for the Python module numpy; for figures a program that reads PDF.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A Debian package and how to see whether it is there.
struct Package {
    name: &'static str,
    present: fn() -> bool,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "mesa-vulkan-drivers",
        present: has_software_vulkan,
    },
    Package {
        name: "libvulkan1",
        present: || has_library("libvulkan.so.1"),
    },
    Package {
        name: "libxkbcommon-x11-0",
        present: || has_library("libxkbcommon-x11.so.0"),
    },
    Package {
        name: "xvfb",
        present: || has_program("Xvfb"),
    },
    Package {
        name: "xdotool",
        present: || has_program("xdotool"),
    },
    Package {
        name: "imagemagick",
        present: || has_program("import"),
    },
    Package {
        name: "poppler-utils",
        present: || has_program("pdftoppm"),
    },
    Package {
        name: "python3-numpy",
        present: has_numpy,
    },
];

/// Installs what is missing, or says what to install.
///
/// # Errors
/// If something is missing and may not be installed from here, or its installation fails.
pub(crate) fn provide() -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let missing: Vec<_> = PACKAGES
        .iter()
        .filter(|p| !(p.present)())
        .map(|p| p.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !has_program("apt-get") {
        bail!("The tests need what Debian calls {names}; please install it and start again.");
    }
    let Some(as_root) = way_to_root() else {
        bail!("The tests need more packages: sudo apt-get install {names}");
    };
    println!("Installing {names}");
    apt_get(as_root, &["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(missing);
    apt_get(as_root, &arguments)
}

fn apt_get(as_root: &[&str], arguments: &[&str]) -> Result<()> {
    let mut words = as_root.to_vec();
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    words.extend(arguments);
    let status = Command::new(words[0])
        .args(&words[1..])
        .status()
        .with_context(|| format!("Could not start {}", words[0]))?;
    if !status.success() {
        bail!("`{}` failed: {status}", words.join(" "));
    }
    Ok(())
}

/// The words before a command that needs root; `None` if there is no way without a password.
fn way_to_root() -> Option<&'static [&'static str]> {
    let quiet = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .stderr(Stdio::null())
            .output()
            .ok()
    };
    let id = quiet("id", &["-u"])?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(&[]);
    }
    quiet("sudo", &["-n", "true"])?
        .status
        .success()
        .then_some(&["sudo", "-n"])
}

fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Where the tests look for it: what the person names, else the first `python3` that has it.
fn has_numpy() -> bool {
    let named = std::env::var_os("WHYFINDER_PYTHON");
    let usual = ["python3", "/usr/bin/python3"].map(Into::into);
    named.into_iter().chain(usual).any(|python| {
        Command::new(python)
            .args(["-c", "import numpy"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

fn has_software_vulkan() -> bool {
    [
        "/usr/share/vulkan/icd.d",
        "/etc/vulkan/icd.d",
        "/usr/local/share/vulkan/icd.d",
    ]
    .iter()
    .filter_map(|folder| std::fs::read_dir(folder).ok())
    .flatten()
    .flatten()
    .any(|file| file.file_name().to_string_lossy().starts_with("lvp_icd"))
}

fn has_library(name: &str) -> bool {
    library_folders()
        .iter()
        .any(|folder| folder.join(name).exists())
}

/// The usual folders and one level below them (`/usr/lib/x86_64-linux-gnu`).
fn library_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for root in ["/usr/lib", "/lib", "/usr/lib64", "/usr/local/lib"].map(Path::new) {
        folders.push(root.to_path_buf());
        if let Ok(entries) = std::fs::read_dir(root) {
            folders.extend(entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()));
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_and_nonsense_is_not() {
        assert!(has_program("cargo"));
        assert!(!has_program("no-such-program-anywhere"));
        assert!(!has_library("libno-such-library.so.7"));
    }

    #[test]
    fn no_package_is_listed_twice() {
        for (i, package) in PACKAGES.iter().enumerate() {
            assert!(
                PACKAGES[..i].iter().all(|p| p.name != package.name),
                "{}",
                package.name
            );
        }
    }
}
