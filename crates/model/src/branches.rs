//! Many runs that continue one reference run, in one pass.
//!
//! A change in block l at position t changes nothing below l, and, in a causal model, nothing before t. A [`Branch`]
//! says what a run changes; [`Decoder::forward_branches`] computes what can differ, and takes the rest from the
//! reference:
//!
//! - Positions before the first change of the pack are not computed; their keys and values are the reference's.
//! - A branch joins the batch at the first block whose input it changes. What its first block adds after attention
//!   is found at the changed position alone, and so are queries, keys and values of the block that it joins at.
//! - Branches that are the same up to a block share a [`Trunk`] until there.
//! - In the last block, positions that are not read have keys and values only.
//!
//! Nothing is approximated: each value is the one that a full pass has, up to the rounding of its sums.

mod opening;
mod positions;

use candle_core::Tensor;
use whyfinder_experiment::{Intervention, Part, Site};

use opening::{Opening, check_rows, first_change, opening};
use positions::{before, behind_keys, beyond, moved};

use crate::block::{Inside, after_attention, block};
use crate::config::{AttentionSpan, Positions};
use crate::decoder::Decoder;
use crate::error::{ModelError, Result};
use crate::fresh::Fresh;
use crate::intervene::Patcher;
use crate::probe::{Both, NoProbe, Probe, show};
use crate::reference::Reference;
use crate::rope::RotaryTables;

/// Runs that repeat rows of a reference run up to a block and a position, and may differ from there on.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The rows of the reference run that are continued; one row of the branch each.
    pub rows: Vec<usize>,
    /// What is done, at sites inside blocks. Rows count within the branch, positions from the beginning of the
    /// input.
    pub interventions: Vec<Intervention>,
    pub trunk: Option<Trunk>,
}

/// The branch that another one repeats, row by row, below a block.
///
/// It must have no trunk itself, and the interventions that both share stand with it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Index into the pack.
    pub branch: usize,
    /// The first block in which the two may differ.
    pub layer: usize,
}

impl Decoder {
    /// Logits `[rows, T - read, V]` from position `read` on, the rows being those of the branches in order.
    ///
    /// `probe` sees the batch as it is, narrowed in rows and positions; it is meant to watch, not to write.
    ///
    /// # Errors
    /// An intervention outside the blocks, or one that was never reached; rows, positions or trunks that are not
    /// there; a reference that has not been run; whatever the probe refuses.
    pub fn forward_branches(
        &self,
        reference: &Reference,
        branches: &[Branch],
        read: usize,
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let pack = Pack::of(self, reference, branches, read)?;
        let resid = pack.run(probe)?;
        let resid = resid.index_select(&pack.in_order()?, 0)?;
        self.unembed(&self.final_norm(&resid)?)
    }
}

/// A branch and its place in the batch.
struct Placed<'a> {
    branch: &'a Branch,
    opening: Opening,
    /// The block that its rows enter with the batch; the number of blocks if they enter none.
    joins: usize,
    /// Its first row in the batch.
    first: usize,
}

struct Pack<'a> {
    decoder: &'a Decoder,
    reference: &'a Reference,
    /// In the order of the branches.
    placed: Vec<Placed<'a>>,
    /// Indices into `placed`, in the order of the batch.
    order: Vec<usize>,
    /// Positions of the input.
    length: usize,
    /// The first position computed.
    start: usize,
    /// The first position read, and the one from which on the last block has outputs.
    read: usize,
    read_inside: usize,
}

impl<'a> Pack<'a> {
    fn of(
        decoder: &'a Decoder,
        reference: &'a Reference,
        branches: &'a [Branch],
        read: usize,
    ) -> Result<Self> {
        let layers = decoder.config().layers;
        let (kept, length) = reference.size()?;
        if branches.is_empty() || read >= length {
            return Err(ModelError::Input(format!(
                "A pack needs a branch, and a position to read below {length}."
            )));
        }
        let mut placed = Vec::with_capacity(branches.len());
        let mut start = read;
        for branch in branches {
            check_rows(branch, kept)?;
            let first = first_change(branch, layers, length)?;
            start = start.min(first.position);
            let opening = opening(branch, branches, first.layer)?;
            placed.push(Placed {
                branch,
                opening,
                joins: match opening {
                    Opening::At { layer, .. } => layer + 1,
                    Opening::Whole => first.layer,
                    Opening::Trunk(trunk) => trunk.layer,
                },
                first: 0,
            });
        }
        let mut order: Vec<usize> = (0..placed.len()).collect();
        // Of those that join at the same block, those that are copied from before those that copy, and last those
        // with a single changed position.
        order.sort_by_key(|&i| {
            let copies = matches!(placed[i].opening, Opening::Trunk(_));
            (placed[i].joins, opened_by(&placed, i).is_some(), copies)
        });
        let mut rows = 0;
        for &i in &order {
            placed[i].first = rows;
            rows += placed[i].branch.rows.len();
        }
        check_trunks(&placed)?;
        let straddles = branches.iter().flat_map(|b| &b.interventions).any(|one| {
            one.site.layer == Some(layers - 1)
                && behind_keys(one.site.part)
                && !beyond(one, read)
                && !before(one, read)
        });
        Ok(Self {
            decoder,
            reference,
            placed,
            order,
            length,
            start,
            read,
            read_inside: if straddles { start } else { read },
        })
    }

    /// The residual stream that leaves the last block at the positions read, in the order of the batch.
    fn run(&self, probe: &mut dyn Probe) -> Result<Tensor> {
        let config = self.decoder.config();
        let mut patcher = Patcher::new(&self.interventions())?;
        let opened = self.opened(probe)?;
        let mut batch: Option<Tensor> = None;
        let mut rows: Vec<u32> = Vec::new();
        let mut tables = None;
        for layer in 0..=config.layers {
            let mut positions = Vec::new();
            for &i in &self.order {
                if self.placed[i].joins != layer {
                    continue;
                }
                let single = opened_by(&self.placed, i);
                let entering = match (self.placed[i].opening, single) {
                    (Opening::Trunk(trunk), None) => self.copied(batch.as_ref(), trunk)?,
                    (_, Some((by, position))) => {
                        let position = position - self.start;
                        positions.extend(vec![position; self.placed[i].branch.rows.len()]);
                        self.entering(i, layer, opened[by].as_ref().map(|x| (x, position)))?
                    }
                    _ => self.entering(i, layer, None)?,
                };
                batch = Some(match batch.take() {
                    Some(rows) => Tensor::cat(&[rows, entering], 0)?,
                    None => entering,
                });
                rows.extend(self.placed[i].branch.rows.iter().map(|&row| row as u32));
            }
            let Some(x) = batch.take() else { continue };
            if layer == config.layers {
                batch = Some(x);
                break;
            }
            if tables.is_none() {
                tables = self.rotary(&x)?;
            }
            let index = Tensor::from_vec(rows.clone(), rows.len(), x.device())?;
            let last = layer + 1 == config.layers;
            let mut seen = Both(&mut patcher, probe);
            let open = KNOWN.map(|part| seen.wants(Site::block(layer, part)));
            let fresh = match positions.is_empty() || open.contains(&true) {
                true => None,
                false => Some(self.fresh(layer, &index, positions)?),
            };
            let inside = Inside {
                config,
                weights: &self.decoder.constants().blocks[layer],
                rotary: tables.as_ref().map(|tables| {
                    tables.of(matches!(config.spans[layer], AttentionSpan::Sliding(_)))
                }),
                layer,
                earlier: match self.start {
                    0 => None,
                    start => Some(self.reference.past.before(layer, start, rows.clone())?),
                },
                read: if last {
                    self.read_inside - self.start
                } else {
                    0
                },
                fresh,
            };
            let mut x = block(&inside, x, &mut seen)?;
            if last {
                x = self.read_of(x, self.read_inside)?;
            }
            batch = Some(x);
        }
        patcher.finish()?;
        batch.ok_or_else(|| ModelError::Input("A pack needs at least one row.".into()))
    }

    /// The positions read, of a tensor whose positions begin at `from`.
    fn read_of(&self, x: Tensor, from: usize) -> Result<Tensor> {
        match self.read - from {
            0 => Ok(x),
            skipped => Ok(x
                .narrow(1, skipped, self.length - self.read)?
                .contiguous()?),
        }
    }

    fn rotary(&self, like: &Tensor) -> Result<Option<RotaryTables>> {
        match &self.decoder.config().positions {
            Positions::Learned => Ok(None),
            Positions::Rotary(rotary) => {
                let positions = self.start..self.length;
                let rows = like.dim(0)?;
                RotaryTables::shown(rotary, rows, positions, like, &mut NoProbe).map(Some)
            }
        }
    }

    /// What leaves the first block of each branch that opens at one position, there, `[rows, 1, D]`.
    fn opened(&self, probe: &mut dyn Probe) -> Result<Vec<Option<Tensor>>> {
        let mut opened = vec![None; self.placed.len()];
        for layer in 0..self.decoder.config().layers {
            for whether in [false, true] {
                let here: Vec<(usize, usize)> = (0..self.placed.len())
                    .filter_map(|i| match self.placed[i].opening {
                        Opening::At {
                            layer: l,
                            position,
                            inside,
                        } if l == layer && inside == whether => Some((i, position)),
                        _ => None,
                    })
                    .collect();
                if here.is_empty() {
                    continue;
                }
                let out = self.open(layer, whether, &here, probe)?;
                let mut row = 0;
                for (i, _) in here {
                    let rows = self.placed[i].branch.rows.len();
                    opened[i] = Some(out.narrow(0, row, rows)?);
                    row += rows;
                }
            }
        }
        Ok(opened)
    }

    fn open(
        &self,
        layer: usize,
        inside: bool,
        branches: &[(usize, usize)],
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let mut interventions = Vec::new();
        let mut rows = 0;
        for &(i, position) in branches {
            let branch = self.placed[i].branch;
            let own = branch.interventions.iter();
            interventions.extend(own.filter(|one| one.site.layer == Some(layer)).map(|one| {
                let local = moved(one, rows, branch.rows.len(), position);
                local.unwrap_or_else(|| one.clone())
            }));
            rows += branch.rows.len();
        }
        let mut patcher = Patcher::new(&interventions)?;
        let mut seen = Both(&mut patcher, probe);
        let gathered = |values: &Tensor| -> Result<Tensor> {
            let each = branches.iter().map(|&(i, position)| {
                let values = values.narrow(1, position, 1)?.contiguous()?;
                self.rows_of(&values, i)
            });
            Ok(Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 0)?)
        };
        let out = if inside {
            let x = gathered(self.reference.stream(layer)?)?;
            let attn_out = gathered(self.reference.attended(layer)?)?;
            let inside = Inside {
                config: self.decoder.config(),
                weights: &self.decoder.constants().blocks[layer],
                rotary: None,
                layer,
                earlier: None,
                read: 0,
                fresh: None,
            };
            after_attention(&inside, x, attn_out, &mut seen)?
        } else {
            let out = gathered(self.reference.stream(layer + 1)?)?;
            show(&mut seen, Site::block(layer, Part::ResidPost), out)?
        };
        patcher.finish()?;
        Ok(out)
    }

    fn rows_of(&self, values: &Tensor, i: usize) -> Result<Tensor> {
        let rows: Vec<u32> = self.placed[i]
            .branch
            .rows
            .iter()
            .map(|&r| r as u32)
            .collect();
        let rows = Tensor::from_vec(rows, self.placed[i].branch.rows.len(), values.device())?;
        Ok(values.index_select(&rows, 0)?)
    }

    /// What is known of the rows at the end of the batch, `index` having the reference row of each.
    fn fresh(&self, layer: usize, index: &Tensor, positions: Vec<usize>) -> Result<Fresh> {
        let settled = index.dim(0)? - positions.len();
        let rows = index.narrow(0, settled, positions.len())?.contiguous()?;
        let queries = self.reference.queries(layer)?;
        let queries = queries.narrow(1, self.start, self.length - self.start)?;
        let (keys, values) = self.reference.past.from(layer, self.start, &rows)?;
        Ok(Fresh {
            settled,
            positions,
            queries: queries.contiguous()?.index_select(&rows, 0)?,
            keys,
            values,
        })
    }

    /// The stream that a branch joins with, `opened` being what its first block gave at a position of the tail.
    fn entering(&self, i: usize, layer: usize, opened: Option<(&Tensor, usize)>) -> Result<Tensor> {
        let stream = self.reference.stream(layer)?;
        let tail = stream.narrow(1, self.start, self.length - self.start)?;
        let mut x = self.rows_of(&tail.contiguous()?, i)?;
        if let Some((value, position)) = opened {
            // A copy of its own, to be written into.
            for row in 0..x.dim(0)? {
                let value = value.narrow(0, row, 1)?.squeeze(0)?.contiguous()?;
                let here = x.narrow(0, row, 1)?.squeeze(0)?;
                here.slice_set(&value, 0, position)?;
            }
        }
        if layer == self.decoder.config().layers {
            x = self.read_of(x, self.start)?;
        }
        Ok(x)
    }

    fn copied(&self, batch: Option<&Tensor>, trunk: Trunk) -> Result<Tensor> {
        let Placed { branch, first, .. } = &self.placed[trunk.branch];
        match batch {
            Some(x) if first + branch.rows.len() <= x.dim(0)? => {
                Ok(x.narrow(0, *first, branch.rows.len())?)
            }
            _ => Err(ModelError::Input(format!(
                "Branch {} cannot be a trunk at block {}: it begins behind it.",
                trunk.branch, trunk.layer
            ))),
        }
    }

    /// What is done inside the batch, in its rows and positions.
    fn interventions(&self) -> Vec<Intervention> {
        let last = self.decoder.config().layers - 1;
        let mut all = Vec::new();
        for placed in &self.placed {
            let opened = match placed.opening {
                Opening::At { layer, .. } => Some(layer),
                _ => None,
            };
            for one in &placed.branch.interventions {
                if one.site.layer == opened {
                    continue;
                }
                let from = match one.site.part {
                    // These count from the beginning of the input.
                    Part::KExpanded | Part::VExpanded => 0,
                    part if one.site.layer == Some(last) && behind_keys(part) => self.read_inside,
                    _ => self.start,
                };
                // What is done where nobody reads cannot matter.
                all.extend(moved(one, placed.first, placed.branch.rows.len(), from));
            }
        }
        all
    }

    /// The batch row of each row of the branches in order.
    fn in_order(&self) -> Result<Tensor> {
        let rows: Vec<u32> = self
            .placed
            .iter()
            .flat_map(|placed| placed.first..placed.first + placed.branch.rows.len())
            .map(|row| row as u32)
            .collect();
        let count = rows.len();
        Ok(Tensor::from_vec(rows, count, self.decoder.device())?)
    }
}

/// What a block computes only for the changed position of a row that joins at it.
const KNOWN: [Part; 8] = [
    Part::ResidPre,
    Part::Ln1Scale,
    Part::Ln1Normalized,
    Part::Q,
    Part::K,
    Part::V,
    Part::RotQ,
    Part::RotK,
];

/// The branch whose opening gave what this one joins with, and its position.
fn opened_by(placed: &[Placed<'_>], i: usize) -> Option<(usize, usize)> {
    let by = match placed[i].opening {
        Opening::Trunk(trunk) if placed[trunk.branch].joins == trunk.layer => trunk.branch,
        Opening::Trunk(_) => return None,
        _ => i,
    };
    match placed[by].opening {
        Opening::At { position, .. } => Some((by, position)),
        _ => None,
    }
}

fn check_trunks(placed: &[Placed<'_>]) -> Result<()> {
    for one in placed {
        if let Opening::Trunk(trunk) = one.opening
            && placed[trunk.branch].joins > trunk.layer
        {
            return Err(ModelError::Input(format!(
                "Branch {} cannot be a trunk at block {}: it begins behind it.",
                trunk.branch, trunk.layer
            )));
        }
    }
    Ok(())
}
