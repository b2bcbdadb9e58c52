//! A branch is the end of a full pass with the same interventions.

use candle_core::Tensor;
use whyfinder_experiment::{Action, Array, Intervention, Part, Select, Site};

use super::{close, patched};
use crate::config::{AttentionSpan, DecoderConfig};
use crate::tiny::{self, Draws};
use crate::{Branch, Decoder, NoProbe, Pass, Reference, Trunk};

const LENGTH: usize = 9;
const ROWS: usize = 3;

/// Every family, four blocks deep.
fn deep() -> Vec<DecoderConfig> {
    let deeper = |config: DecoderConfig| DecoderConfig {
        layers: 4,
        spans: config.spans.repeat(2),
        ..config
    };
    let mut all: Vec<_> = tiny::all().into_iter().map(deeper).collect();
    let sliding = vec![AttentionSpan::Sliding(2); 4];
    all.push(DecoderConfig {
        spans: sliding,
        ..deeper(tiny::gemma2())
    });
    all
}

struct Case {
    decoder: Decoder,
    tokens: Tensor,
    reference: Reference,
}

fn case(config: &DecoderConfig) -> Case {
    let decoder = tiny::decoder(config, 7).expect("weights fit");
    let tokens = Draws::new(11)
        .tokens(ROWS, LENGTH, config.vocab)
        .expect("tokens");
    let mut reference = Reference::of(config);
    for rows in [0..1, 1..ROWS] {
        let some = tokens.narrow(0, rows.start, rows.len()).expect("rows");
        decoder
            .forward(&some, &mut reference, &Pass::default())
            .expect("runs");
    }
    Case {
        decoder,
        tokens,
        reference,
    }
}

impl Case {
    /// Branches against one full pass for each, from position `read` on.
    fn compare(&self, branches: &[Branch], read: usize, what: &str) {
        let got = self
            .decoder
            .forward_branches(&self.reference, branches, read, &mut NoProbe)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut row = 0;
        for branch in branches {
            let rows: Vec<u32> = branch.rows.iter().map(|&row| row as u32).collect();
            let count = rows.len();
            let rows = Tensor::from_vec(rows, count, self.decoder.device()).expect("rows");
            let tokens = self.tokens.index_select(&rows, 0).expect("rows");
            let mut interventions = branch.interventions.clone();
            if let Some(trunk) = branch.trunk {
                let shared = branches[trunk.branch].interventions.iter();
                let below = shared.filter(|one| one.site.layer < Some(trunk.layer));
                interventions.extend(below.cloned());
            }
            let whole = patched(&self.decoder, &tokens, &interventions).expect("runs");
            let expected = whole.narrow(1, read, LENGTH - read).expect("fits");
            let here = got.narrow(0, row, count).expect("fits");
            close(&here, &expected, 2e-5, what);
            row += count;
        }
        assert_eq!(got.dim(0).expect("rows"), row);
    }
}

struct Dice(Draws);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (self.0.normal().abs() * 1e4) as usize % n
    }

    fn set(
        &mut self,
        config: &DecoderConfig,
        layer: usize,
        part: Part,
        position: usize,
        rows: usize,
    ) -> Intervention {
        let width = config.d_model;
        // The same value for all rows, or one for each.
        let shape = match self.below(2) {
            0 => vec![width],
            _ => vec![rows, 1, width],
        };
        let values = self.0.values(shape.iter().product(), 1.0);
        Intervention {
            positions: Select::one(position),
            ..Intervention::everywhere(
                Site::block(layer, part),
                Action::Set(Array::new(shape, values).expect("fits")),
            )
        }
    }

    fn rows(&mut self) -> Vec<usize> {
        let count = 1 + self.below(ROWS);
        (0..count).map(|_| self.below(ROWS)).collect()
    }

    /// An output, or outputs over a window, as traces restore them, and now and then held ones beside them.
    fn trace(&mut self, config: &DecoderConfig) -> Branch {
        let outputs = [Part::ResidPost, Part::MlpOut, Part::AttnOut];
        let part = outputs[self.below(3)];
        let (position, rows) = (self.below(LENGTH), self.rows());
        let first = self.below(config.layers);
        let end = match part {
            Part::ResidPost => first + 1,
            _ => first + 1 + self.below(config.layers - first),
        };
        let mut interventions: Vec<_> = (first..end)
            .map(|layer| self.set(config, layer, part, position, rows.len()))
            .collect();
        if self.below(3) == 0 {
            let held = outputs[1 + self.below(2)];
            let from = first + usize::from(part == Part::ResidPost);
            for layer in from..config.layers {
                interventions.push(self.set(config, layer, held, position, rows.len()));
            }
        }
        // And something at a block that it joins at, or behind.
        let early = [
            Part::ResidPre,
            Part::Ln1Scale,
            Part::Ln1Normalized,
            Part::Q,
            Part::K,
            Part::V,
            Part::Z,
        ];
        if self.below(3) == 0 && first + 1 < config.layers {
            let layer = first + 1 + self.below(config.layers - first - 1);
            let site = Site::block(layer, early[self.below(early.len())]);
            interventions.push(Intervention {
                positions: Select::one(self.below(LENGTH)),
                ..Intervention::everywhere(site, Action::Scale(0.5))
            });
        }
        Branch {
            rows,
            interventions,
            trunk: None,
        }
    }

    /// Anything, anywhere inside the blocks.
    fn any(&mut self, sites: &[Site]) -> Branch {
        let inside: Vec<Site> = sites
            .iter()
            .copied()
            .filter(|site| site.layer.is_some())
            .collect();
        let rows = self.rows();
        let interventions = (0..1 + self.below(3))
            .map(|_| {
                let site = inside[self.below(inside.len())];
                let first = self.below(LENGTH);
                let action = match (site.part, self.below(3)) {
                    // Nothing is divided by zero, and minus infinity stays what it is.
                    (
                        Part::AttnScores
                        | Part::Ln1Scale
                        | Part::Ln2Scale
                        | Part::Ln1PostScale
                        | Part::Ln2PostScale,
                        _,
                    )
                    | (_, 0) => Action::Scale(0.5),
                    (_, 1) => Action::Zero,
                    (_, _) => Action::Add(Array::new(vec![], vec![0.7]).expect("a number")),
                };
                let positions = (first..LENGTH.min(first + 1 + self.below(2))).collect();
                Intervention {
                    positions: Select::Only(positions),
                    ..Intervention::everywhere(site, action)
                }
            })
            .collect();
        Branch {
            rows,
            interventions,
            trunk: None,
        }
    }
}

#[test]
fn restored_outputs_are_those_of_full_passes() {
    for config in deep() {
        let case = case(&config);
        let mut dice = Dice(Draws::new(5));
        for round in 0..40 {
            let count = 1 + dice.below(6);
            let branches: Vec<Branch> = (0..count).map(|_| dice.trace(&config)).collect();
            let read = match dice.below(3) {
                0 => dice.below(LENGTH),
                _ => LENGTH - 1,
            };
            let what = format!("{} {round} from {read}", config.architecture);
            case.compare(&branches, read, &what);
        }
    }
}

#[test]
fn any_intervention_inside_the_blocks_may_be_branched() {
    for config in deep() {
        let case = case(&config);
        let sites = case.decoder.sites();
        let mut dice = Dice(Draws::new(9));
        for round in 0..60 {
            let branches: Vec<Branch> = (0..1 + dice.below(3)).map(|_| dice.any(&sites)).collect();
            let read = dice.below(LENGTH);
            let what = format!("{} {round} from {read}", config.architecture);
            case.compare(&branches, read, &what);
        }
    }
}

#[test]
fn windows_share_their_trunk() {
    for config in deep() {
        let case = case(&config);
        let mut dice = Dice(Draws::new(3));
        for (position, first) in [(4, 0), (8, 1), (0, 0)] {
            let rows = vec![2, 0];
            let set = |dice: &mut Dice, layer| dice.set(&config, layer, Part::MlpOut, position, 2);
            let window: Vec<_> = (first..4).map(|layer| set(&mut dice, layer)).collect();
            let mut branches = vec![Branch {
                rows: rows.clone(),
                interventions: window,
                trunk: None,
            }];
            for layer in first + 1..4 {
                branches.push(Branch {
                    rows: rows.clone(),
                    interventions: match layer {
                        2 => vec![dice.set(&config, 3, Part::AttnOut, position, 2)],
                        _ => Vec::new(),
                    },
                    trunk: Some(Trunk { branch: 0, layer }),
                });
            }
            case.compare(&branches, LENGTH - 1, &config.architecture);
        }
    }
}

#[test]
fn what_is_no_branch_is_refused() {
    let config = &deep()[0];
    let case = case(config);
    let mut dice = Dice(Draws::new(1));
    let good = Branch {
        rows: vec![1],
        interventions: vec![dice.set(config, 1, Part::MlpOut, 3, 1)],
        trunk: None,
    };
    let trunk = |branch, layer| Branch {
        interventions: Vec::new(),
        trunk: Some(Trunk { branch, layer }),
        ..good.clone()
    };
    let with = |interventions| Branch {
        interventions,
        ..good.clone()
    };
    let outside = Intervention::everywhere(Site::outside(Part::Embed), Action::Zero);
    for (branches, words) in [
        (vec![], "needs a branch"),
        (
            vec![Branch {
                rows: vec![],
                ..good.clone()
            }],
            "at least one row",
        ),
        (
            vec![Branch {
                rows: vec![3],
                ..good.clone()
            }],
            "3 rows were kept",
        ),
        (vec![with(vec![outside])], "hook_embed"),
        (
            vec![with(vec![dice.set(config, 4, Part::MlpOut, 3, 1)])],
            "is not there",
        ),
        (
            vec![with(vec![dice.set(config, 1, Part::MlpOut, 9, 1)])],
            "position 9",
        ),
        (vec![good.clone(), trunk(5, 2)], "cannot be a trunk"),
        (vec![good.clone(), trunk(0, 1)], "begins behind it"),
        (
            vec![good.clone(), trunk(0, 3), trunk(1, 3)],
            "no trunk itself",
        ),
    ] {
        let result =
            case.decoder
                .forward_branches(&case.reference, &branches, LENGTH - 1, &mut NoProbe);
        let message = result.expect_err("is refused").to_string();
        assert!(message.contains(words), "{message}");
    }
    let empty = Reference::of(config);
    let result = case
        .decoder
        .forward_branches(&empty, &[good], LENGTH - 1, &mut NoProbe);
    assert!(
        result
            .expect_err("is refused")
            .to_string()
            .contains("was not kept")
    );
}
