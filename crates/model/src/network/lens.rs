//! Exact partial computation: what a patch can change and a region reads, the rest from the base run.
//!
//! After Krypton (Nakandala, Kumar and Papakonstantinou 2019), extended to any graph of operations: at each node only
//! the meeting of the patch's forward cone and the region's backward cone is computed. Operations over the whole
//! picture widen both cones by themselves; nothing is approximated.

mod part;

use candle_core::Tensor;

use super::axis::axis_map;
use super::cost::{flops_per_pixel, values_per_pixel};
use super::evaluate::{Argument, crop, evaluate, read_rect, whole_only};
use super::extent::Extent;
use super::forward::last_uses;
use super::node::{Network, NodeId, Operation};
use super::reach::check_region;
use super::rect::Rect;
use super::region::{Keep, region_values};
use crate::error::{ModelError, Result};
use part::{Part, alike, held_part, overlaid, too_little};

/// What is kept as in the base run although a patch would change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    #[default]
    Nothing,
    /// Values pooled over the whole picture: what remains is the effect that travels from pixel to pixel.
    Pooled,
}

/// A base run on one picture, ready to answer what a patch does to one region of the output.
#[derive(Debug)]
pub struct Lens<'a> {
    network: &'a Network,
    extents: Vec<Extent>,
    /// What the region reads of each node.
    needed: Vec<Option<Rect>>,
    /// Base values on `needed`.
    base: Vec<Option<Tensor>>,
    last_use: Vec<NodeId>,
    noise: f32,
}

impl<'a> Lens<'a> {
    /// Runs the network on `picture` `[1, H, W, C]` as far as `region` (of the output) reads it.
    ///
    /// # Errors
    /// As [`super::forward`]; or if the region lies outside the output.
    pub fn new(network: &'a Network, picture: &Tensor, noise: f32, region: &Rect) -> Result<Self> {
        let (count, height, width, channels) = picture.dims4()?;
        if count != 1 || channels != network.channels() {
            return Err(ModelError::Input(format!(
                "The picture has {channels} channels, but the network takes {}.",
                network.channels()
            )));
        }
        let extents = network.extents(height, width)?;
        check_region(region, extents[network.output])?;
        let needed = needed(network, &extents, region);
        let base = region_values(network, &extents, &needed, picture, noise, Keep::All)?;
        Ok(Self {
            network,
            last_use: last_uses(network),
            extents,
            needed,
            base,
            noise,
        })
    }

    /// The region's output in the base run, `[1, height, width, C]`.
    ///
    /// # Errors
    /// Never on a lens that was made.
    pub fn output(&self) -> Result<&Tensor> {
        self.base[self.network.output]
            .as_ref()
            .ok_or_else(|| ModelError::Unusable("The network has no output.".into()))
    }

    /// The region's outputs `[K, height, width, C]` with `patches` `[K, h, w, C]` put at `at` in the picture.
    ///
    /// # Errors
    /// If the patches do not have the size of `at`, or lie outside the picture.
    pub fn with_patches(&self, at: &Rect, patches: &Tensor, held: Held) -> Result<Tensor> {
        let (count, height, width, _) = patches.dims4()?;
        let picture = self.extents[0];
        if (height, width) != (at.height(), at.width())
            || !Rect::whole(picture.height, picture.width).contains(at)
        {
            return Err(ModelError::Input(format!(
                "A patch of {width} x {height} pixels does not fit the place that was given for it."
            )));
        }
        let changes = self.changes(at, held);
        let mut values: Vec<Option<Tensor>> = vec![None; self.network.nodes.len()];
        for (id, node) in self.network.nodes.iter().enumerate() {
            let Some(rect) = &changes[id] else { continue };
            values[id] = Some(if id == 0 {
                crop(patches, at, rect)?
            } else {
                let parts = node
                    .inputs
                    .iter()
                    .enumerate()
                    .map(|(argument, &input)| {
                        self.part(&values, &changes, id, argument, input, rect)
                    })
                    .collect::<Result<Vec<_>>>()?;
                let parts = alike(&node.operation, parts, count)?;
                let arguments: Vec<Argument<'_>> = parts.iter().map(Part::argument).collect();
                evaluate(node, &arguments, self.extents[id], rect, self.noise)?
            });
            for &input in &node.inputs {
                if self.last_use[input] == id && input != self.network.output {
                    values[input] = None;
                }
            }
        }
        let output = self.network.output;
        let base = self.output()?;
        let (Some(rect), Some(changed), Some(region)) =
            (&changes[output], &values[output], &self.needed[output])
        else {
            let shape = (count, base.dim(1)?, base.dim(2)?, base.dim(3)?);
            return Ok(base.broadcast_as(shape)?.contiguous()?);
        };
        overlaid(base, region, changed, rect, region)
    }

    /// Whether a patch at `at` can change the region at all.
    pub fn can_change(&self, at: &Rect, held: Held) -> bool {
        self.changes(at, held)[self.network.output].is_some()
    }

    /// Multiplications and additions of one patch at `at`, and of one whole picture.
    pub fn flops(&self, at: &Rect, held: Held) -> (f64, f64) {
        let changes = self.changes(at, held);
        let mut sums = (0.0, 0.0);
        for (id, node) in self.network.nodes.iter().enumerate() {
            let per_pixel = flops_per_pixel(&node.operation, self.extents[id], || {
                node.inputs.first().map(|&i| self.extents[i])
            });
            if let Some(rect) = &changes[id] {
                sums.0 += per_pixel * rect.pixels() as f64;
            }
            sums.1 += per_pixel * (self.extents[id].height * self.extents[id].width) as f64;
        }
        sums
    }

    /// Bytes that one patch at `at` holds at once, at most: the widest sum of living values and what they are made from.
    pub fn bytes_per_patch(&self, at: &Rect, held: Held) -> u64 {
        let changes = self.changes(at, held);
        let size = |id: NodeId| {
            changes[id].as_ref().map_or(0, |rect| {
                4 * rect.pixels() as u64 * values_per_pixel(self.network, &self.extents, id)
            })
        };
        let (mut living, mut most) = (0u64, 0u64);
        for (id, node) in self.network.nodes.iter().enumerate() {
            living += size(id);
            // The arguments are assembled anew where they are not whole.
            let assembled: u64 = node.inputs.iter().map(|&input| size(input)).sum();
            most = most.max(living + assembled);
            for &input in &node.inputs {
                if self.last_use[input] == id {
                    living = living.saturating_sub(size(input));
                }
            }
        }
        most
    }

    /// Bytes of the base run that are kept.
    pub fn bytes(&self) -> u64 {
        let kept = self.base.iter().flatten();
        kept.map(|value| 4 * value.elem_count() as u64).sum()
    }

    /// What each node has to be computed on when the picture changes at `at`.
    fn changes(&self, at: &Rect, held: Held) -> Vec<Option<Rect>> {
        let mut changes: Vec<Option<Rect>> = vec![None; self.network.nodes.len()];
        changes[0] = self.needed[0].as_ref().and_then(|needed| needed.meet(at));
        for (id, node) in self.network.nodes.iter().enumerate().skip(1) {
            let Some(needed) = &self.needed[id] else {
                continue;
            };
            let pooled = matches!(
                node.operation,
                Operation::GlobalMean | Operation::GlobalContrast
            );
            if held == Held::Pooled && pooled {
                continue;
            }
            let mut touched: Option<Rect> = None;
            for (argument, &input) in node.inputs.iter().enumerate() {
                let Some(changed) = &changes[input] else {
                    continue;
                };
                let (from, to) = (self.extents[input], self.extents[id]);
                let map = |rows| axis_map(&node.operation, argument, rows, from, to);
                let rect = if whole_only(&node.operation) {
                    Rect::whole(to.height, to.width)
                } else {
                    Rect::new(
                        map(true).touched(&changed.rows, to.height),
                        map(false).touched(&changed.columns, to.width),
                    )
                };
                if rect.pixels() > 0 {
                    touched = Some(match touched {
                        Some(so_far) => so_far.hull(&rect),
                        None => rect,
                    });
                }
            }
            changes[id] = touched.and_then(|touched| touched.meet(needed));
        }
        changes
    }

    /// What node `id` reads of `input` for `rect`: the base run with what has changed laid over it.
    fn part<'b>(
        &'b self,
        values: &'b [Option<Tensor>],
        changes: &[Option<Rect>],
        id: NodeId,
        argument: usize,
        input: NodeId,
        rect: &Rect,
    ) -> Result<Part> {
        let operation = &self.network.nodes[id].operation;
        let read = read_rect(
            operation,
            argument,
            self.extents[input],
            self.extents[id],
            rect,
        );
        let (Some(read), Some(changed), Some(value)) = (&read, &changes[input], &values[input])
        else {
            return held_part(&self.base, &self.needed, &self.extents, input, read);
        };
        let extent = self.extents[input];
        let value = match (&self.base[input], &self.needed[input]) {
            _ if changed.contains(read) => crop(value, changed, read)?,
            (Some(base), Some(needed)) => overlaid(base, needed, value, changed, read)?,
            _ => return Err(too_little()),
        };
        Ok(Part {
            value,
            at: read.clone(),
            extent,
        })
    }
}

/// What a region of the output reads of each node.
pub(super) fn needed(network: &Network, extents: &[Extent], region: &Rect) -> Vec<Option<Rect>> {
    let mut needed: Vec<Option<Rect>> = vec![None; network.nodes.len()];
    needed[network.output] = Some(region.clone());
    for (id, node) in network.nodes.iter().enumerate().rev() {
        let Some(mut rect) = needed[id].clone() else {
            continue;
        };
        if whole_only(&node.operation) {
            rect = Rect::whole(extents[id].height, extents[id].width);
            needed[id] = Some(rect.clone());
        }
        for (argument, &input) in node.inputs.iter().enumerate() {
            let (from, to) = (extents[input], extents[id]);
            let Some(read) = read_rect(&node.operation, argument, from, to, &rect) else {
                continue;
            };
            needed[input] = Some(match &needed[input] {
                Some(so_far) => so_far.hull(&read),
                None => read,
            });
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::super::forward::{NoNodeProbe, NodeProbe, forward};
    use super::super::testing::{apart, networks, picture};
    use super::*;
    use crate::kernel::paste::paste;

    fn region_of(y: &Tensor, region: &Rect) -> Tensor {
        let whole = Rect::whole(y.dim(1).expect("rows"), y.dim(2).expect("columns"));
        crop(y, &whole, region).expect("inside")
    }

    /// Gives pooled values back as they were in the base run.
    struct HoldPooled {
        kept: Vec<Option<Tensor>>,
        keep: bool,
        pooled: Vec<NodeId>,
    }

    impl NodeProbe for HoldPooled {
        fn wants(&self, node: NodeId) -> bool {
            self.pooled.contains(&node)
        }

        fn at(&mut self, node: NodeId, value: Tensor) -> Result<Tensor> {
            if self.keep {
                self.kept[node] = Some(value.clone());
                return Ok(value);
            }
            let kept = self.kept[node].clone().expect("kept");
            Ok(kept.broadcast_as(value.shape())?.contiguous()?)
        }
    }

    #[test]
    fn patches_through_the_lens_equal_whole_passes() {
        for (name, network) in networks(5) {
            let channels = network.channels();
            for (height, width) in [(17, 14), (16, 24)] {
                let base = picture([1, height, width, channels], 3);
                let s = network.scale;
                for region in [
                    Rect::new(0..3 * s, 0..2 * s),
                    Rect::new(5 * s..9 * s, 4 * s..7 * s),
                    Rect::whole(height * s, width * s),
                ] {
                    let lens = Lens::new(&network, &base, 0.1, &region).expect("a lens");
                    let whole = forward(&network, &base, 0.1, &mut NoNodeProbe).expect("runs");
                    let difference =
                        apart(lens.output().expect("there"), &region_of(&whole, &region));
                    assert!(difference < 1e-5, "{name} base: {difference}");
                    for at in [
                        Rect::new(0..2, 0..3),
                        Rect::new(6..8, 5..9),
                        Rect::new(height - 1..height, width - 2..width),
                    ] {
                        let patches = picture([3, at.height(), at.width(), channels], 7);
                        let place = (at.rows.start, at.columns.start);
                        let changed = paste(&base, &patches, place).expect("inside");
                        let plain = forward(&network, &changed, 0.1, &mut NoNodeProbe);
                        let plain = region_of(&plain.expect("runs"), &region);
                        let seen = lens
                            .with_patches(&at, &patches, Held::Nothing)
                            .expect("runs");
                        let difference = apart(&seen, &plain);
                        assert!(difference < 1e-5, "{name} {region:?} {at:?}: {difference}");
                        if !lens.can_change(&at, Held::Nothing) {
                            let unchanged = lens.output().expect("there");
                            let unchanged = unchanged.broadcast_as(plain.shape()).expect("rows");
                            // Sums may be taken in another order for another number of pictures.
                            assert!(apart(&plain, &unchanged) < 1e-6, "{name}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn held_pools_leave_the_direct_effect() {
        let (_, network) = networks(5).remove(3);
        let base = picture([1, 18, 15, 3], 3);
        let mut probe = HoldPooled {
            kept: vec![None; network.nodes.len()],
            keep: true,
            pooled: network.global_nodes().collect(),
        };
        forward(&network, &base, 0.0, &mut probe).expect("runs");
        probe.keep = false;
        let region = Rect::new(4..8, 4..8);
        let lens = Lens::new(&network, &base, 0.0, &region).expect("a lens");
        let (near, far) = (Rect::new(5..7, 5..7), Rect::new(15..17, 11..13));
        for at in [&near, &far] {
            let patches = picture([2, 2, 2, 3], 9);
            let place = (at.rows.start, at.columns.start);
            let changed = paste(&base, &patches, place).expect("inside");
            let plain = forward(&network, &changed, 0.0, &mut probe).expect("runs");
            let seen = lens.with_patches(at, &patches, Held::Pooled).expect("runs");
            assert!(apart(&seen, &region_of(&plain, &region)) < 1e-5);
        }
        assert!(lens.can_change(&far, Held::Nothing));
        assert!(!lens.can_change(&far, Held::Pooled));
        assert!(lens.can_change(&near, Held::Pooled));
    }

    #[test]
    fn a_lens_costs_less_than_a_pass_where_the_network_is_local() {
        let (_, network) = networks(5).remove(0);
        let base = picture([1, 64, 64, 3], 3);
        let lens = Lens::new(&network, &base, 0.0, &Rect::new(24..32, 24..32)).expect("a lens");
        let at = Rect::new(20..22, 20..22);
        let (part, whole) = lens.flops(&at, Held::Nothing);
        assert!(part > 0.0 && part * 20.0 < whole, "{part} of {whole}");
        assert!(lens.bytes_per_patch(&at, Held::Nothing) < 64 * 64 * 4 * 5);
        assert!(lens.bytes() < 64 * 64 * 4 * 30);
    }
}
