//! The versions of our files, and how an older one becomes today's.
//!
//! A file without a number is of version 1. Names may be added to a version, for a reader passes over none in silence;
//! whatever changes the meaning of a name makes a new version and a step in one of the lists below.

use toml::{Table, Value};

use crate::ExperimentError;

/// Turns a file of one version into the next.
type Step = fn(&mut Table);

/// `EXPERIMENT_STEPS[0]` turns an experiment of version 1 into one of version 2, and so on.
///
/// With each step comes a folder in `tests/fixtures/schema` with files as the former version wrote them.
const EXPERIMENT_STEPS: &[Step] = &[];

/// The version of experiments that is written, and the latest that can be read.
pub const EXPERIMENT: u32 = 1 + EXPERIMENT_STEPS.len() as u32;

/// The version of results that is written, and the latest that can be read.
///
/// A step for results would stand in `result_read`, where their arrays are taken apart; what is inside as experiment has
/// its own version.
pub const RESULT: u32 = 1;

/// Name and version of this program, as files carry it.
pub const PROGRAM: &str = concat!("whyfinder ", env!("CARGO_PKG_VERSION"));

/// Refuses a version that is not known yet.
///
/// # Errors
/// A sentence that says which program wrote the file (if it says so) and what to do.
pub fn refuse_newer(
    what: &str,
    version: u32,
    latest: u32,
    program: Option<&str>,
) -> Result<(), ExperimentError> {
    if version <= latest {
        return Ok(());
    }
    let (writer, with) = match program.map(str::trim) {
        Some(program) if !program.is_empty() && program != PROGRAM => {
            let program: String = program.chars().take(80).collect();
            (program, "that version or a later one")
        }
        _ => ("a newer Whyfinder".to_string(), "a newer version"),
    };
    Err(ExperimentError::invalid(format!(
        "The {what} was written by {writer} in version {version} of its form, and this is {PROGRAM}, which reads \
         versions up to {latest}; open it with {with}."
    )))
}

/// Brings an experiment to today's version.
///
/// # Errors
/// A sentence if the number is none, or one that is not known yet.
pub(crate) fn update_experiment(table: &mut Table) -> Result<(), ExperimentError> {
    update(table, EXPERIMENT_STEPS)
}

fn update(table: &mut Table, steps: &[Step]) -> Result<(), ExperimentError> {
    let latest = 1 + steps.len() as u32;
    let version = match table.get("schema") {
        None => 1,
        Some(Value::Integer(n)) if *n >= 1 => u32::try_from(*n).unwrap_or(u32::MAX),
        Some(other) => {
            return Err(ExperimentError::invalid(format!(
                "The experiment's schema must be a number such as {latest}, not {other}."
            )));
        }
    };
    let program = table.get("program").and_then(Value::as_str);
    refuse_newer("experiment", version, latest, program)?;
    for step in steps.iter().skip(version as usize - 1) {
        step(table);
    }
    table.insert("schema".into(), Value::Integer(latest.into()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().expect("TOML")
    }

    /// As if `noise` had been called `strength`, and before that been a percentage.
    const STEPS: &[Step] = &[
        |table| {
            if let Some(Value::Integer(percent)) = table.remove("percent") {
                table.insert("strength".into(), Value::Float(percent as f64 / 100.0));
            }
        },
        |table| {
            if let Some(strength) = table.remove("strength") {
                table.insert("noise".into(), strength);
            }
        },
    ];

    #[test]
    fn files_of_every_former_version_become_todays() {
        for old in [
            "percent = 50",
            "schema = 1\npercent = 50",
            "schema = 2\nstrength = 0.5",
        ] {
            let mut old = table(old);
            update(&mut old, STEPS).expect("known");
            assert_eq!(old["noise"].as_float(), Some(0.5), "{old}");
            assert_eq!(old["schema"].as_integer(), Some(3));
            assert_eq!(old.len(), 2, "{old}");
        }
    }

    #[test]
    fn a_later_version_says_who_wrote_it_and_what_to_do() {
        let mut later = table("schema = 4\nprogram = \"whyfinder 7.1.0\"");
        let message = update(&mut later, STEPS).expect_err("later").to_string();
        assert!(
            message.contains("whyfinder 7.1.0") && message.contains("up to 3"),
            "{message}"
        );
        assert!(
            message.ends_with("open it with that version or a later one."),
            "{message}"
        );
        let mut nameless = table("schema = 9999999999");
        let message = update(&mut nameless, STEPS).expect_err("later").to_string();
        assert!(message.contains("a newer Whyfinder"), "{message}");
    }

    #[test]
    fn a_version_that_is_no_number_is_refused() {
        for odd in [
            "schema = 0",
            "schema = -1",
            "schema = \"two\"",
            "schema = 1.0",
        ] {
            let message = update(&mut table(odd), STEPS).expect_err("odd").to_string();
            assert!(message.contains("schema must be a number"), "{message}");
        }
    }
}
