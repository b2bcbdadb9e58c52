//! Telling from names and shapes what arrays mean.

use whyfinder_experiment::ImportForm;

use crate::assemble::MOST_LAYERS;
use crate::plan::form_of;
use crate::statements::sums;
use crate::{AxisRole, Contents, ForeignArray, ImportError, Plan};

/// Rows that sum to this far from one are still a softmax in half precision.
const NEAR_ONE: f32 = 0.02;

/// Whether a name is one that programs give to attention.
pub(crate) fn names_attention(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["attn", "attention", "pattern"]
        .iter()
        .any(|word| name.contains(word))
        && ![
            ".weight", ".bias", "q_proj", "k_proj", "v_proj", "attn_out", "hook_z",
        ]
        .iter()
        .any(|part| name.contains(part))
}

/// The likeliest reading of a file. `array` chooses one of several; `axes` says what its axes are.
///
/// # Errors
/// A sentence if nothing in the file can be drawn, or what was said does not fit it.
pub(crate) fn plan(
    contents: &Contents,
    array: Option<&str>,
    axes: &[AxisRole],
    tokens: &[String],
) -> Result<Plan, ImportError> {
    let arrays = chosen(contents, array)?;
    let layers = layers_of(&arrays);
    let first = arrays[0];
    let tokens = if tokens.is_empty() {
        tokens_in(contents)
    } else {
        tokens.to_vec()
    };
    let of_layers = if arrays.len() > 1 {
        format!("{} arrays, one for each layer, each ", arrays.len())
    } else {
        String::new()
    };
    let mut plan = if axes.is_empty() {
        guess(first, arrays.len() > 1, &tokens)
    } else {
        if axes.len() != first.shape.len() {
            return Err(ImportError::refused(format!(
                "{} axes are named, and the array {} has {}.",
                axes.len(),
                first.words(),
                first.shape.len()
            )));
        }
        Guess {
            axes: axes.to_vec(),
            why: "as was said".into(),
            certain: true,
        }
        .plan()
    };
    plan.recognised = format!("{of_layers}{}: {}", first.words(), plan.recognised);
    plan.arrays = arrays.iter().map(|a| a.name.clone()).collect();
    plan.layers = layers;
    plan.tokens = tokens;
    Ok(plan)
}

struct Guess {
    axes: Vec<AxisRole>,
    why: String,
    certain: bool,
}

impl Guess {
    fn plan(self) -> Plan {
        let names: Vec<&str> = self.axes.iter().map(AxisRole::name).collect();
        Plan {
            form: form_of(&self.axes),
            arrays: Vec::new(),
            layers: Vec::new(),
            recognised: format!("read as [{}], {}", names.join(", "), self.why),
            certain: self.certain,
            axes: self.axes,
            tokens: Vec::new(),
        }
    }
}

/// The arrays that are meant: the one asked for, those that differ in nothing but a number, or the largest.
fn chosen<'a>(
    contents: &'a Contents,
    name: Option<&str>,
) -> Result<Vec<&'a ForeignArray>, ImportError> {
    if let Some(name) = name {
        return contents.array(name).map(|a| vec![a]).ok_or_else(|| {
            let held: Vec<String> = contents.arrays.iter().map(ForeignArray::words).collect();
            ImportError::refused(format!(
                "The file has no array \"{name}\"; it has {}.",
                held.join(", ")
            ))
        });
    }
    let drawable = |a: &&ForeignArray| {
        a.shape.iter().filter(|&&side| side > 1).count() >= 2 && !a.values.is_empty()
    };
    let all: Vec<&ForeignArray> = contents.arrays.iter().filter(drawable).collect();
    let Some(largest) = all
        .iter()
        .copied()
        .max_by_key(|a| (names_attention(&a.name), a.values.len()))
    else {
        let unread = match contents.unread.as_slice() {
            [] => String::new(),
            unread => format!(" Not read: {}.", unread.join("; ")),
        };
        return Err(ImportError::refused(format!(
            "The file holds no array of two or more axes, so there is nothing to draw.{unread}"
        )));
    };
    let stem = without_number(&largest.name);
    let mut alike: Vec<&ForeignArray> = all
        .into_iter()
        .filter(|a| without_number(&a.name) == stem && stem.is_some())
        .collect();
    if alike.len() < 2 || alike.len() > MOST_LAYERS {
        return Ok(vec![largest]);
    }
    if let Some(other) = alike.iter().find(|a| a.shape != alike[0].shape) {
        return Err(ImportError::refused(format!(
            "The arrays of the layers have not the same shape: {} and {}. Choose one with --array.",
            alike[0].words(),
            other.words()
        )));
    }
    alike.sort_by_key(|a| number_in(&a.name));
    Ok(alike)
}

/// A name with its first number taken out, such as that of the layer; `None` without a number.
fn without_number(name: &str) -> Option<String> {
    let (start, end) = first_number(name)?;
    Some(format!("{}#{}", &name[..start], &name[end..]))
}

fn number_in(name: &str) -> Option<usize> {
    let (start, end) = first_number(name)?;
    name[start..end].parse().ok()
}

fn first_number(name: &str) -> Option<(usize, usize)> {
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let length = name[start..]
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(name.len() - start);
    Some((start, start + length))
}

/// The numbers of the layers: those in the names, or 0, 1, 2, ... where a name has none or they are too large.
fn layers_of(arrays: &[&ForeignArray]) -> Vec<usize> {
    if arrays.len() < 2 {
        return Vec::new();
    }
    let named: Option<Vec<usize>> = arrays.iter().map(|a| number_in(&a.name)).collect();
    named
        .filter(|n| n.last().is_some_and(|&last| last < MOST_LAYERS))
        .unwrap_or_else(|| (0..arrays.len()).collect())
}

/// The only list of texts that can be tokens.
fn tokens_in(contents: &Contents) -> Vec<String> {
    for name in ["tokens", "input_tokens", "str_tokens", "tokens_q"] {
        if let Some(tokens) = contents.texts.get(name) {
            return tokens.clone();
        }
    }
    contents
        .metadata
        .get("tokens")
        .and_then(|text| crate::tokens::listed(text))
        .unwrap_or_default()
}

/// What shape, name, numbers and the count of tokens say.
fn guess(array: &ForeignArray, of_a_layer: bool, tokens: &[String]) -> Plan {
    use AxisRole::{Batch, Column, Head, Key, Layer, Query, Row, Sample, Token};
    let shape = array.shape.as_slice();
    let named = names_attention(&array.name);
    let square = matches!(shape, [.., q, k] if q == k);
    let softmax = shape.len() >= 2
        && sums(array).is_some_and(|[low, high]| {
            (low - 1.0).abs() <= NEAR_ONE && (high - 1.0).abs() <= NEAR_ONE
        });
    let because = match (named, softmax) {
        (true, true) => "for its name, and because its rows sum to one",
        (true, false) => "for its name",
        (false, true) => "because its rows sum to one",
        (false, false) => "for its shape",
    };
    let is_attention = named || softmax;
    let guess = |axes: Vec<AxisRole>, certain: bool, why: &str| {
        Guess {
            axes,
            why: why.to_string(),
            certain,
        }
        .plan()
    };
    match shape {
        [_, 1, _, _, _] => guess(
            vec![Layer, Batch, Head, Query, Key],
            square || is_attention,
            because,
        ),
        [1, _, _, _, _] => guess(
            vec![Batch, Layer, Head, Query, Key],
            square || is_attention,
            because,
        ),
        [1, _, _, _] => guess(
            vec![Batch, Head, Query, Key],
            square || is_attention,
            because,
        ),
        [_, _, _, _] if of_a_layer => guess(
            vec![Batch, Head, Query, Key],
            square || is_attention,
            because,
        ),
        [_, _, _, _] => guess(
            vec![Layer, Head, Query, Key],
            square || is_attention,
            because,
        ),
        [_, _, _] if is_attention || (of_a_layer && square) => {
            guess(vec![Head, Query, Key], is_attention, because)
        }
        [_, _, _] if square => guess(vec![Head, Query, Key], false, because),
        [_, _, _] => guess(vec![Row, Column, Sample], false, because),
        [_, _] if is_attention && (square || softmax) => guess(vec![Query, Key], true, because),
        &[rows, columns] => {
            let n = tokens.len();
            let by_tokens = "because as many tokens are given as it has along one axis";
            match (n > 0 && rows == n, n > 0 && columns == n) {
                (true, false) => guess(vec![Token, Layer], true, by_tokens),
                (false, true) => guess(vec![Layer, Token], true, by_tokens),
                _ => guess(vec![Row, Column], false, because),
            }
        }
        _ => guess(
            (0..shape.len())
                .map(|i| AxisRole::Other(format!("axis {i}")))
                .collect(),
            false,
            because,
        ),
    }
}

/// What is said where the meaning is not clear.
pub(crate) fn unclear(plan: Plan) -> ImportError {
    let names: Vec<&str> = plan.axes.iter().map(AxisRole::name).collect();
    let alternative = match (plan.form, plan.axes.len()) {
        (ImportForm::Attention, _) => "row,column,sample",
        (_, 2) => "token,layer",
        _ => "head,query,key",
    };
    ImportError::Unclear {
        message: format!(
            "What the axes mean cannot be told for sure ({}). Say it, such as --axes {} or --axes {alternative}; tokens \
             may come from a file: --tokens FILE.",
            plan.recognised,
            names.join(",").replace(' ', "-")
        ),
        guess: Box::new(plan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(name: &str, shape: &[usize], value: f32) -> ForeignArray {
        ForeignArray {
            name: name.into(),
            shape: shape.to_vec(),
            values: vec![value; shape.iter().product()],
            dtype: "float32",
        }
    }

    fn of(arrays: Vec<ForeignArray>) -> Plan {
        let contents = Contents {
            arrays,
            ..Contents::default()
        };
        plan(&contents, None, &[], &[]).expect("something to draw")
    }

    fn axes(plan: &Plan) -> String {
        let names: Vec<&str> = plan.axes.iter().map(AxisRole::name).collect();
        names.join(",")
    }

    #[test]
    fn lists_of_layers_are_put_together_by_number() {
        let names = ["arr_10", "arr_2", "arr_0"];
        let plan = of(names
            .iter()
            .map(|n| array(n, &[1, 2, 3, 3], 1.0 / 3.0))
            .collect());
        assert_eq!(plan.arrays, ["arr_0", "arr_2", "arr_10"]);
        assert_eq!(plan.layers, [0, 2, 10]);
        assert_eq!(
            (axes(&plan).as_str(), plan.certain),
            ("batch,head,query,key", true)
        );
        let hooks = of((0..2)
            .map(|l| array(&format!("blocks.{l}.attn.hook_pattern"), &[2, 3, 3], 0.1))
            .collect());
        assert_eq!(
            (axes(&hooks).as_str(), hooks.certain),
            ("head,query,key", true)
        );
        assert_eq!(hooks.layers, [0, 1]);
    }

    #[test]
    fn shapes_are_taken_for_attention_only_where_something_speaks_for_it() {
        let cases = [
            (vec![4, 2, 3, 3], 1.0 / 3.0, "layer,head,query,key", true),
            (vec![4, 1, 2, 3, 3], 0.2, "layer,batch,head,query,key", true),
            (vec![2, 3, 3], 1.0 / 3.0, "head,query,key", true),
            (vec![2, 3, 3], 0.2, "head,query,key", false),
            (vec![3, 3], 1.0 / 3.0, "query,key", true),
            (vec![3, 3], 0.5, "row,column", false),
            (vec![5, 7], 0.5, "row,column", false),
            (vec![5, 7, 50], 0.5, "row,column,sample", false),
        ];
        for (shape, value, expected, certain) in cases {
            let plan = of(vec![array("x", &shape, value)]);
            assert_eq!(
                (axes(&plan).as_str(), plan.certain),
                (expected, certain),
                "{shape:?}"
            );
        }
    }

    #[test]
    fn tokens_tell_which_axis_they_are_along() {
        let contents = Contents {
            arrays: vec![array("x", &[12, 3], 0.5)],
            ..Contents::default()
        };
        let tokens = ["a", "b", "c"].map(String::from);
        let plan = plan(&contents, None, &[], &tokens).expect("drawn");
        assert_eq!((axes(&plan).as_str(), plan.certain), ("layer,token", true));
    }
}
