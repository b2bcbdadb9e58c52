//! Reading experiments: TOML, or JSON of the same shape.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::{Table, Value};

use crate::document::Document;
use crate::keys::{self, Kinds, nearest};
use crate::overrides::apply;
use crate::validate::validate;
use crate::{Experiment, ExperimentError, schema};

/// Longest experiment file that is read, bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Reads an experiment file, TOML or JSON (told apart by the ending `.json`, else by the first character), applies
/// `--set` overrides of the form `key=value` and checks the result.
///
/// Relative files (noise, images, patches) are taken relative to the experiment's folder.
///
/// # Errors
/// If the file cannot be read, is not an experiment, or asks for something that cannot be meant.
pub fn read_experiment(path: &Path, overrides: &[String]) -> Result<Experiment, ExperimentError> {
    let file_error = |source| ExperimentError::File {
        what: "read the experiment",
        path: path.to_path_buf(),
        source,
    };
    // Not only files: an experiment may come through a pipe.
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(file_error)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ExperimentError::Syntax {
            message: "the file is larger than 16 MiB".into(),
            path: path.to_path_buf(),
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| ExperimentError::Syntax {
        message: "the file is not UTF-8 text".into(),
        path: path.to_path_buf(),
    })?;
    let json = match path.extension().and_then(|e| e.to_str()) {
        Some(e) if e.eq_ignore_ascii_case("json") => true,
        Some(e) if e.eq_ignore_ascii_case("toml") => false,
        _ => looks_like_json(&text),
    };
    let table = table(&text, json).map_err(|message| ExperimentError::Syntax {
        message,
        path: path.to_path_buf(),
    })?;
    let mut experiment = experiment(table, overrides).map_err(|error| match error {
        // Which of many files it is matters where nothing in it can be mended.
        ExperimentError::Invalid { message } if message.contains("versions up to") => {
            ExperimentError::invalid(format!("{message} Path: {}", path.display()))
        }
        error => error,
    })?;
    if let Some(folder) = path.parent() {
        for file in experiment.files_mut() {
            let beside = folder.join(&*file);
            // Whole, so that the experiment means the same file when it is written to another folder.
            *file = std::path::absolute(&beside).unwrap_or(beside);
        }
    }
    Ok(experiment)
}

/// Reads an experiment from text, TOML or (if it begins with `{`) JSON, applies overrides and checks the result.
///
/// # Errors
/// As [`read_experiment`]; the path of a syntax error is empty.
pub fn parse_experiment(text: &str, overrides: &[String]) -> Result<Experiment, ExperimentError> {
    let table = table(text, looks_like_json(text)).map_err(|message| {
        ExperimentError::invalid(format!(
            "The experiment is not valid TOML or JSON: {message}."
        ))
    })?;
    experiment(table, overrides)
}

fn looks_like_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('{')
}

fn table(text: &str, json: bool) -> Result<Table, String> {
    let text = text.trim_start_matches('\u{feff}');
    if json {
        let value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        return match from_json(value)? {
            Some(Value::Table(table)) => Ok(table),
            _ => Err("the file must hold one object".into()),
        };
    }
    text.parse::<Table>().map_err(|e| {
        let message = e.message().trim_end_matches('.').replace('\n', ", ");
        match e.span().and_then(|span| text.get(..span.start)) {
            Some(before) => {
                let line = before.matches('\n').count() + 1;
                format!("{message} in line {line}")
            }
            None => message,
        }
    })
}

/// The same tree in TOML's terms; a JSON null is an absent key.
fn from_json(value: serde_json::Value) -> Result<Option<Value>, String> {
    use serde_json::Value as Json;
    Ok(Some(match value {
        Json::Null => return Ok(None),
        Json::Bool(b) => Value::Boolean(b),
        Json::String(s) => Value::String(s),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Value::Integer(i),
            (None, Some(f)) => Value::Float(f),
            (None, None) => return Err(format!("the number {n} is out of range")),
        },
        Json::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| from_json(item)?.ok_or_else(|| "a list holds null".to_string()))
                .collect::<Result<_, _>>()?,
        ),
        Json::Object(entries) => {
            let mut table = Table::new();
            for (key, value) in entries {
                if let Some(value) = from_json(value)? {
                    table.insert(key, value);
                }
            }
            Value::Table(table)
        }
    }))
}

/// An experiment inside another file, such as a result; what it asks for is checked when it is run.
pub(crate) fn from_tree(tree: serde_json::Value) -> Result<Experiment, ExperimentError> {
    let Some(Value::Table(mut table)) = from_json(tree).map_err(ExperimentError::invalid)? else {
        return Err(ExperimentError::invalid("An experiment must be an object."));
    };
    schema::update_experiment(&mut table)?;
    from_table(table)
}

fn from_table(table: Table) -> Result<Experiment, ExperimentError> {
    let document: Document = Value::Table(table).try_into().map_err(deserialize_error)?;
    document.try_into()
}

fn experiment(mut table: Table, overrides: &[String]) -> Result<Experiment, ExperimentError> {
    schema::update_experiment(&mut table)?;
    for text in overrides {
        apply(&mut table, text)?;
    }
    check_instrument(&table)?;
    if let Some(Value::Table(corruption)) = table.get_mut("corruption")
        && !corruption.contains_key("kind")
    {
        corruption.insert("kind".into(), Value::String("noise".into()));
    }
    check_keys(&table)?;
    let experiment = from_table(table)?;
    validate(&experiment)?;
    Ok(experiment)
}

/// serde's message names the key on a second line; this makes one sentence of both.
fn deserialize_error(error: toml::de::Error) -> ExperimentError {
    let text = error.to_string();
    let message = error.message().trim_end_matches('.').replace('\n', " ");
    let key = text
        .lines()
        .find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    match key {
        // Some messages (of sites, and of sections in the wrong place) are whole sentences already.
        _ if error.message().trim_end().ends_with('.') => {
            ExperimentError::invalid(error.message().trim_end())
        }
        Some(key) => ExperimentError::invalid(format!(
            "The value of {key} in the experiment is not usable: {message}."
        )),
        None => ExperimentError::invalid(format!("The experiment is not usable: {message}.")),
    }
}

fn check_instrument(table: &Table) -> Result<(), ExperimentError> {
    let known = || keys::INSTRUMENTS.iter().copied();
    let list = keys::INSTRUMENTS.join("\" or \"");
    match table.get("instrument") {
        None => Err(ExperimentError::invalid(format!(
            "The experiment does not say which instrument to use; add instrument = \"{list}\"."
        ))),
        Some(Value::String(name)) if known().any(|k| k == name) => Ok(()),
        Some(Value::String(name)) => Err(ExperimentError::invalid(format!(
            "There is no instrument named \"{name}\"{}; there are \"{list}\".",
            did_you_mean(name, known())
        ))),
        Some(other) => Err(ExperimentError::invalid(format!(
            "The instrument must be a text such as \"{list}\", not {other}."
        ))),
    }
}

fn check_keys(table: &Table) -> Result<(), ExperimentError> {
    let kinds = Kinds::of(table);
    check_section("", table, kinds)?;
    for (name, value) in table {
        match value {
            Value::Table(section) => check_section(name, section, kinds)?,
            value if keys::of_section(name, kinds).is_some() => {
                return Err(ExperimentError::invalid(format!(
                    "The key \"{name}\" must be a section, [{name}], not {value}."
                )));
            }
            _ => {}
        }
    }
    if !table.contains_key("model") {
        return Err(ExperimentError::invalid(
            "The experiment names no model; add model = \"demo:isles\" or a folder.",
        ));
    }
    Ok(())
}

fn check_section(section: &str, table: &Table, kinds: Kinds<'_>) -> Result<(), ExperimentError> {
    let Some(known) = keys::of_section(section, kinds) else {
        return Ok(());
    };
    let names = || known.iter().map(|k| k.0);
    for key in table.keys() {
        if names().any(|k| k == key) {
            continue;
        }
        let place = match section {
            "" => "the experiment".to_string(),
            "corruption" => format!("[corruption] of kind \"{}\"", kinds.corruption),
            name => format!("[{name}]"),
        };
        return Err(ExperimentError::invalid(format!(
            "There is no key \"{key}\" in {place}{}; it may hold {}.",
            did_you_mean(key, names()),
            names().collect::<Vec<_>>().join(", ")
        )));
    }
    Ok(())
}

pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known)
        .map(|k| format!(" (did you mean \"{k}\"?)"))
        .unwrap_or_default()
}
