//! `--set key=value`: one key of an experiment changed from the command line.

use toml::{Table, Value};

use crate::ExperimentError;
use crate::keys::{self, Holds, Kinds};
use crate::read::did_you_mean;

/// Sets one key, named as `seed` or `trace.window`, to a TOML value; a key that holds text may have it bare.
pub(crate) fn apply(table: &mut Table, text: &str) -> Result<(), ExperimentError> {
    let Some((path, value)) = text.split_once('=') else {
        return Err(ExperimentError::invalid(format!(
            "The override \"{text}\" has no value; write it as key=value, such as trace.window=4."
        )));
    };
    let path = path.trim();
    let (section, key) = path.split_once('.').unwrap_or(("", path));
    let kinds = Kinds::of(table);
    let unknown = |name: &str, known: Vec<&str>| {
        ExperimentError::invalid(format!(
            "The override \"{text}\" names \"{name}\", which an experiment does not have{}.",
            did_you_mean(name, known.into_iter())
        ))
    };
    let Some(known) = keys::of_section(section, kinds) else {
        return Err(unknown(section, keys::sections().collect()));
    };
    let is_section = section.is_empty() && keys::of_section(key, kinds).is_some();
    let holds = known.iter().find(|k| k.0 == key).map(|k| k.1);
    let holds = match holds {
        Some(holds) if !is_section => holds,
        Some(_) => {
            return Err(ExperimentError::invalid(format!(
                "The override \"{text}\" names a whole section; name one key in it, such as {key}.KEY=VALUE."
            )));
        }
        None => return Err(unknown(key, known.iter().map(|k| k.0).collect())),
    };
    let value = read_value(value, holds).ok_or_else(|| {
        ExperimentError::invalid(format!(
            "The value in the override \"{text}\" is not a TOML value; numbers are written as 4, lists as [1, 2]."
        ))
    })?;
    if let ("", "instrument", Some(name)) = (section, key, value.as_str()) {
        // The settings of the former instrument would otherwise stand in the way of the new one.
        let former = keys::settings_of(Kinds::of(table).instrument);
        let new = keys::settings_of(name);
        table.retain(|key, _| !former.contains(&key) || new.contains(&key));
    }
    let target = if section.is_empty() {
        table
    } else {
        match table
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()))
        {
            Value::Table(section) => section,
            _ => {
                return Err(ExperimentError::invalid(format!(
                    "The override \"{text}\" needs [{section}] to be a section of the experiment."
                )));
            }
        }
    };
    let new_kind = (section == "corruption" && key == "kind")
        .then(|| value.as_str().map(str::to_string))
        .flatten();
    target.insert(key.to_string(), value);
    let instrument = "causal-trace";
    let new_keys = |kind: String| {
        let corruption = kind.as_str();
        keys::of_section(
            "corruption",
            Kinds {
                instrument,
                corruption,
            },
        )
    };
    if let Some(keys) = new_kind.and_then(new_keys) {
        // What only the former kind has would otherwise stand in the way of the new one.
        target.retain(|key, _| keys.iter().any(|k| k.0 == key));
    }
    Ok(())
}

fn read_value(text: &str, holds: Holds) -> Option<Value> {
    let toml = || {
        let mut table: Table = format!("v = {text}").parse().ok()?;
        if table.len() != 1 {
            return None;
        }
        table.remove("v")
    };
    match holds {
        Holds::Other => toml(),
        Holds::Text => match toml() {
            Some(Value::String(s)) => Some(Value::String(s)),
            _ => Some(Value::String(text.to_string())),
        },
        Holds::TextList => match toml() {
            Some(value @ Value::Array(_)) => Some(value),
            Some(value @ Value::String(_)) => Some(Value::Array(vec![value])),
            _ => Some(Value::Array(
                text.split(',')
                    .map(|word| Value::String(word.trim().to_string()))
                    .filter(|word| word.as_str() != Some(""))
                    .collect(),
            )),
        },
    }
}
