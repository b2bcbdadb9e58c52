//! Curves of faithfulness, and counts of blocks.

use whyfinder_experiment::Outcome;
use whyfinder_paint::Theme;

use crate::draw_image::ranked_name;
use crate::drawing::{Content, Drawing, Lines, Series, Share, Shares};
use crate::numbers;

/// PSNR over the share of blocks that are exchanged, a line per map.
pub(crate) fn curves(outcome: &Outcome, name: &str) -> Option<Drawing> {
    let field = outcome.field(name)?;
    let [maps, shares] = *field.shape().as_slice() else {
        return None;
    };
    let mut series: Vec<Series> = (0..maps)
        .map(|map| {
            let label = field.axes[0].labels.text(map);
            let area = outcome.summary.reference.get(&format!("{name}.{label}"));
            Series {
                name: match area {
                    Some(area) => {
                        format!("{}, area {}", ranked_name(&label), numbers::number(*area))
                    }
                    None => ranked_name(&label),
                },
                values: field.values[map * shares..(map + 1) * shares].to_vec(),
                errors: None,
            }
        })
        .collect();
    if let Some(random) = outcome.field(&format!("{name}.random"))
        && random.values.len() == shares
    {
        series.push(Series {
            name: "random order".into(),
            values: random.values.clone(),
            errors: random
                .stderr
                .clone()
                .filter(|e| e.iter().any(|e| e.is_finite())),
        });
    }
    let references = [("psnr", "untouched"), ("psnr.replaced", "all replaced")]
        .iter()
        .filter_map(|(key, said)| {
            Some(((*said).to_string(), *outcome.summary.reference.get(*key)?))
        })
        .filter(|(_, value): &(String, f32)| value.is_finite())
        .collect();
    let deletion = name == "deletion";
    Some(Drawing {
        title: if deletion { "Deletion" } else { "Insertion" }.into(),
        details: vec![
            if deletion {
                "small area: faithful"
            } else {
                "large area: faithful"
            }
            .into(),
        ],
        content: Content::Lines(Lines {
            x_name: if deletion {
                "share of blocks replaced"
            } else {
                "share of blocks put back"
            }
            .into(),
            x: (0..shares)
                .map(|i| field.axes[1].labels.text(i).parse().unwrap_or(i as f64))
                .collect(),
            y_name: "PSNR of the region, dB".into(),
            series,
            references,
            band: "band: 1 s.e.".into(),
        }),
        scale: None,
        hatched: None,
    })
}

/// How many blocks help, harm and do neither; `inverted`, in each other's colours.
pub(crate) fn counts(outcome: &Outcome, inverted: bool, theme: Theme) -> Option<Drawing> {
    let effects = outcome.summary.effects.as_ref()?;
    let [helps, harms] = match inverted {
        false => [theme.helps(), theme.harms()],
        true => [theme.harms(), theme.helps()],
    };
    let share = |name: &str, count, sure, colour| Share {
        name: name.into(),
        count,
        sure,
        colour,
    };
    let extreme = |name: &str, effect: &Option<whyfinder_experiment::outcome::BlockEffect>| {
        effect.as_ref().map(|e| {
            let value = numbers::with_error(e.effect, Some(e.stderr), true);
            format!("{name} {value} dB at row {}, column {}", e.row, e.column)
        })
    };
    let remarks = [
        Some(format!(
            "{} of the region's own not counted",
            effects.region
        )),
        Some(format!("{} cannot reach it", effects.unreachable)),
        extreme("strongest", &effects.max),
        extreme("most harmful", &effects.min),
    ];
    Some(Drawing {
        title: "Blocks by their effect".into(),
        details: Vec::new(),
        content: Content::Shares(Shares {
            parts: vec![
                share(
                    "help",
                    effects.positive,
                    Some(effects.significant_positive),
                    helps,
                ),
                share(
                    "harm",
                    effects.negative,
                    Some(effects.significant_negative),
                    harms,
                ),
                share("neither", effects.zero, None, theme.line()),
            ],
            remarks: remarks.into_iter().flatten().collect(),
        }),
        scale: None,
        hatched: None,
    })
}
