//! Which cells a trace has, where each begins to differ from the corrupted run, and which cannot differ at all.

use std::ops::Range;

use whyfinder_experiment::{TraceKind, TraceSettings};
use whyfinder_model::config::{AttentionSpan, DecoderConfig};

/// One cell: what is restored, and from which block on the patched run has to be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) kind: TraceKind,
    /// Position in the clean prompt.
    pub(crate) token: usize,
    pub(crate) layer: usize,
    /// Position in the corrupted prompt.
    pub(crate) place: usize,
    /// Layers whose values are restored.
    pub(crate) window: Range<usize>,
}

impl Cell {
    pub(crate) fn new(
        kind: TraceKind,
        token: usize,
        layer: usize,
        place: usize,
        window: usize,
        layers: usize,
    ) -> Self {
        let window = match kind {
            TraceKind::Residual => layer..layer + 1,
            TraceKind::Mlp | TraceKind::Attention => {
                layer.saturating_sub(window / 2)..(layer + window.div_ceil(2)).min(layers)
            }
        };
        Self {
            kind,
            token,
            layer,
            place,
            window,
        }
    }

    /// Row-major index into the field over [token, layer].
    pub(crate) fn index(&self, layers: usize) -> usize {
        self.token * layers + self.layer
    }

    /// The first block with a value that is not the corrupted run's, behind what is restored: for a residual stream
    /// the one that it enters, for MLP and attention the first restored one.
    pub(crate) fn start(&self) -> usize {
        match self.kind {
            TraceKind::Residual => self.layer + 1,
            TraceKind::Mlp | TraceKind::Attention => self.window.start,
        }
    }
}

/// All cells of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Cells to be run, within each kind those with the least to compute first: behind others in the prompt, then
    /// beginning at a later block. Of windows at one token that begin at the same block the longest comes first.
    pub(crate) run: Vec<Cell>,
    /// Cells whose value is the corrupted one without being run.
    pub(crate) unmoved: Vec<Cell>,
    /// Cells at clean tokens that no token of the replacement prompt stands for: left unmeasured.
    pub(crate) unaligned: usize,
}

/// `places` gives, for each clean position, the corrupted one that stands for it; before `first_changed` the two
/// prompts are the same. Both counted in tokens; `last` is the corrupted prompt's last position.
pub(crate) fn plan(
    config: &DecoderConfig,
    trace: &TraceSettings,
    places: &[Option<usize>],
    first_changed: usize,
    last: usize,
) -> Plan {
    let mut plan = Plan::default();
    for &kind in &trace.kinds {
        for (token, place) in places.iter().enumerate() {
            let Some(place) = *place else {
                plan.unaligned += config.layers;
                continue;
            };
            for layer in 0..config.layers {
                let cell = Cell::new(kind, token, layer, place, trace.window, config.layers);
                let matters =
                    place >= first_changed && reaches(config, cell.window.start, place, last);
                if matters {
                    plan.run.push(cell);
                } else {
                    plan.unmoved.push(cell);
                }
            }
        }
    }
    let order = |kind: TraceKind| trace.kinds.iter().position(|k| *k == kind);
    plan.run.sort_by_key(|cell| {
        (
            order(cell.kind),
            std::cmp::Reverse((cell.place, cell.token)),
            std::cmp::Reverse((cell.start(), cell.window.end)),
        )
    });
    plan
}

/// Whether a change at `place` in block `layer` can reach the last position through the attention of later blocks.
fn reaches(config: &DecoderConfig, layer: usize, place: usize, last: usize) -> bool {
    let mut way = last.saturating_sub(place);
    for span in config.spans.iter().skip(layer + 1) {
        match span {
            AttentionSpan::Full => return true,
            AttentionSpan::Sliding(n) => way = way.saturating_sub(n.saturating_sub(1)),
        }
    }
    way == 0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use whyfinder_model::config::{Activation, BlockForm, NormKind, Positions};

    pub(crate) fn config() -> DecoderConfig {
        DecoderConfig {
            architecture: "GPT2LMHeadModel".into(),
            vocab: 23,
            d_model: 12,
            layers: 3,
            heads: 2,
            kv_heads: 2,
            d_head: 6,
            d_mlp: 20,
            max_positions: 16,
            norm: NormKind::Layer,
            norm_eps: 1e-5,
            positions: Positions::Learned,
            block: BlockForm::Sequential,
            gated_mlp: false,
            activation: Activation::GeluTanh,
            attention_scale: 1.0,
            attention_softcap: None,
            logit_softcap: None,
            qk_norm: false,
            spans: vec![AttentionSpan::Full; 3],
            embedding_scale: None,
            tied: true,
        }
    }

    fn trace(window: usize) -> TraceSettings {
        TraceSettings {
            window,
            ..TraceSettings::default()
        }
    }

    fn identity(n: usize) -> Vec<Option<usize>> {
        (0..n).map(Some).collect()
    }

    #[test]
    fn windows_are_cut_to_the_model() {
        let window = |w, layer| Cell::new(TraceKind::Mlp, 0, layer, 0, w, 12).window;
        assert_eq!(window(10, 0), 0..5);
        assert_eq!(window(10, 6), 1..11);
        assert_eq!(window(10, 11), 6..12);
        assert_eq!(window(1, 4), 4..5);
        assert_eq!(window(2, 4), 3..5);
        assert_eq!(window(3, 4), 3..6);
        assert_eq!(Cell::new(TraceKind::Residual, 0, 4, 0, 10, 12).window, 4..5);
    }

    #[test]
    fn every_cell_is_planned_once() {
        let config = config();
        let plan = plan(&config, &trace(2), &identity(5), 2, 4);
        let mut all: Vec<_> = plan
            .run
            .iter()
            .chain(&plan.unmoved)
            .map(|c| (c.kind.name(), c.token, c.layer))
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 3 * 5 * config.layers);
        assert_eq!(plan.unaligned, 0);
    }

    #[test]
    fn what_lies_before_the_change_or_behind_the_last_attention_cannot_matter() {
        let config = config();
        let layers = config.layers;
        let plan = plan(&config, &trace(1), &identity(5), 2, 4);
        for cell in &plan.unmoved {
            let late = cell.layer == layers - 1 && cell.token < 4;
            assert!(cell.token < 2 || late, "{cell:?}");
        }
        for cell in &plan.run {
            assert!(cell.token >= 2, "{cell:?}");
            assert!(cell.layer < layers - 1 || cell.token == 4, "{cell:?}");
        }
    }

    #[test]
    fn sliding_attention_reaches_only_as_far_as_its_spans() {
        let mut config = config();
        config.spans = vec![AttentionSpan::Sliding(2); 3];
        assert!(reaches(&config, 0, 7, 9));
        assert!(!reaches(&config, 0, 6, 9));
        assert!(reaches(&config, 1, 8, 9));
        assert!(!reaches(&config, 1, 7, 9));
        assert!(!reaches(&config, 2, 8, 9));
        assert!(reaches(&config, 2, 9, 9));
        config.spans[2] = AttentionSpan::Full;
        assert!(reaches(&config, 0, 0, 9));
    }
}
