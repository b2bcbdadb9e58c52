//! One forward pass for every decoder family.

use candle_core::{DType, Device, Tensor};
use whyfinder_experiment::{Part, Site};

use crate::block::{Inside, block};
use crate::config::{AttentionSpan, BlockForm, DecoderConfig, Positions};
use crate::error::{ModelError, Result};
use crate::kernel;
use crate::norm::normed;
use crate::probe::{NoProbe, Probe, show};
use crate::rope::RotaryTables;
use crate::shapes;
use crate::tail::Tail;
use crate::weights::DecoderWeights;

/// How a pass is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Keep what `backward` needs: gradients reach every weight that is a `Var` and every value that a probe taps.
    /// Without it the weights count as constants, and only values that a probe brings in can carry gradients.
    pub differentiable: bool,
    pub unembed: Unembed,
}

/// What a pass ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unembed {
    /// Logits of every position, `[B, T, V]`.
    #[default]
    All,
    /// Logits of the last position, `[B, 1, V]`.
    Last,
    /// No logits: the output of the final norm at every position, `[B, T, D]`. The site `logits` is not reached;
    /// [`Decoder::unembed`] turns any rows of this into logits.
    Nothing,
}

/// A decoder that can be run.
#[derive(Clone, Debug)]
pub struct Decoder {
    config: DecoderConfig,
    weights: DecoderWeights,
    /// The same storage as `weights`, cut off from the gradient graph.
    constants: DecoderWeights,
    device: Device,
}

impl Decoder {
    /// # Errors
    /// A sentence that names the tensor whose shape does not fit the configuration, or the setting that cannot be.
    pub fn new(config: DecoderConfig, weights: DecoderWeights) -> Result<Self> {
        shapes::check(&config, &weights)?;
        crate::memory::keep_freed();
        let device = weights.embed.device().clone();
        let constants = weights.detached()?;
        Ok(Self {
            config,
            weights,
            constants,
            device,
        })
    }

    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    pub fn weights(&self) -> &DecoderWeights {
        &self.weights
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The weights, cut off from the gradient graph.
    pub(crate) fn constants(&self) -> &DecoderWeights {
        &self.constants
    }

    /// Runs `tokens`, u32 of `[B, T]`, and returns what [`Pass::unembed`] asks for.
    ///
    /// # Errors
    /// Tokens outside the vocabulary, no tokens, or more than a model with learned positions was made for; whatever
    /// the probe refuses.
    pub fn forward(&self, tokens: &Tensor, probe: &mut dyn Probe, pass: &Pass) -> Result<Tensor> {
        self.run(Entry::Tokens(tokens), probe, pass)
    }

    /// Continues at block `layer` with the residual stream `[B, T, D]` that enters it; `layer` equal to the number
    /// of blocks leaves the final norm and the unembedding. Embedding sites are not reached.
    ///
    /// # Errors
    /// A layer beyond the model, or a residual stream of another width; whatever the probe refuses.
    pub fn forward_from(
        &self,
        layer: usize,
        resid_pre: Tensor,
        probe: &mut dyn Probe,
        pass: &Pass,
    ) -> Result<Tensor> {
        self.run(Entry::Block(layer, resid_pre), probe, pass)
    }

    /// Continues reference runs from a block and a position on: the same numbers as [`Decoder::forward_from`] gives
    /// at those positions, for less work. Returns what [`Pass::unembed`] asks for, of the tail's positions.
    ///
    /// # Errors
    /// As [`Decoder::forward_from`]; a past that does not have the rows, positions or blocks that the tail continues.
    pub fn forward_tail(
        &self,
        tail: &Tail<'_>,
        probe: &mut dyn Probe,
        pass: &Pass,
    ) -> Result<Tensor> {
        self.run(Entry::Tail(tail), probe, pass)
    }

    /// [`Decoder::forward`] with nothing looked at.
    pub fn logits(&self, tokens: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.run(Entry::Tokens(tokens), &mut NoProbe, pass)
    }

    /// Final norm of residual streams `[B, N, D]`.
    pub fn final_norm(&self, resid: &Tensor) -> Result<Tensor> {
        kernel::norm::norm(
            resid,
            &self.constants.final_norm,
            self.config.norm,
            self.config.norm_eps,
        )
    }

    /// Logits `[B, N, V]` of final-norm outputs `[B, N, D]`, with the model's soft cap.
    pub fn unembed(&self, normalized: &Tensor) -> Result<Tensor> {
        self.to_logits(normalized, &self.constants)
    }

    /// Every site that a pass of this configuration reaches, in the order of the pass.
    pub fn sites(&self) -> Vec<Site> {
        let mut sites = vec![Site::outside(Part::Embed)];
        match self.config.positions {
            Positions::Learned => sites.push(Site::outside(Part::PosEmbed)),
            Positions::Rotary(_) => {
                sites.push(Site::outside(Part::RotaryCos));
                sites.push(Site::outside(Part::RotarySin));
            }
        }
        let parts = block_parts(&self.config);
        for layer in 0..self.config.layers {
            sites.extend(parts.iter().map(|&part| Site::block(layer, part)));
        }
        sites.extend([Part::FinalScale, Part::FinalNormalized, Part::Logits].map(Site::outside));
        sites
    }

    fn run<P: Probe + ?Sized>(
        &self,
        entry: Entry<'_>,
        probe: &mut P,
        pass: &Pass,
    ) -> Result<Tensor> {
        let weights = if pass.differentiable {
            &self.weights
        } else {
            &self.constants
        };
        let (first, mut x) = match &entry {
            Entry::Tokens(tokens) => (0, self.embed(tokens, weights, probe)?),
            Entry::Block(layer, resid) => (*layer, self.check_entry(*layer, resid.clone())?),
            Entry::Tail(tail) => {
                let resid = self.check_entry(tail.layer, tail.resid_pre.clone())?;
                (tail.layer, resid)
            }
        };
        let continued = match entry {
            Entry::Tail(tail) if tail.start > 0 => Some((tail, tail.row_index()?)),
            _ => None,
        };
        let start = continued.as_ref().map_or(0, |(tail, _)| tail.start);
        let (batch, length, _) = x.dims3()?;
        let rotary = match &self.config.positions {
            Positions::Learned => None,
            Positions::Rotary(rotary) => Some(RotaryTables::shown(
                rotary,
                batch,
                start..start + length,
                &x,
                probe,
            )?),
        };
        for layer in first..self.config.layers {
            let inside = Inside {
                config: &self.config,
                weights: &weights.blocks[layer],
                rotary: rotary.as_ref().map(|tables| {
                    tables.of(matches!(
                        self.config.spans[layer],
                        AttentionSpan::Sliding(_)
                    ))
                }),
                layer,
                earlier: match &continued {
                    Some((tail, rows)) => Some(tail.past.before(layer, start, rows.clone())?),
                    None => None,
                },
                read: 0,
                fresh: None,
            };
            x = block(&inside, x, probe)?;
        }
        self.finish(x, weights, probe, pass)
    }

    fn embed<P: Probe + ?Sized>(
        &self,
        tokens: &Tensor,
        weights: &DecoderWeights,
        probe: &mut P,
    ) -> Result<Tensor> {
        let (batch, length) = self.check_tokens(tokens)?;
        let mut x = weights.embed.rows(&tokens.flatten_all()?)?.reshape((
            batch,
            length,
            self.config.d_model,
        ))?;
        if let Some(scale) = self.config.embedding_scale {
            x = (x * f64::from(scale))?;
        }
        x = show(probe, Site::outside(Part::Embed), x)?;
        if let Some(table) = &weights.pos_embed {
            let site = Site::outside(Part::PosEmbed);
            let positions = table.narrow(0, 0, length)?;
            if probe.wants(site) {
                let positions = positions
                    .unsqueeze(0)?
                    .broadcast_as((batch, length, self.config.d_model))?
                    .contiguous()?;
                x = (x + show(probe, site, positions)?)?;
            } else {
                x = kernel::rows::add_to_each(&x, &positions)?;
            }
        }
        Ok(x)
    }

    fn finish<P: Probe + ?Sized>(
        &self,
        x: Tensor,
        weights: &DecoderWeights,
        probe: &mut P,
        pass: &Pass,
    ) -> Result<Tensor> {
        let scale = Site::outside(Part::FinalScale);
        let normalized = Site::outside(Part::FinalNormalized);
        let last = pass.unembed == Unembed::Last;
        let last_row = |x: &Tensor| x.narrow(1, x.dim(1)? - 1, 1)?.contiguous();
        let x = if last && !probe.wants(scale) && !probe.wants(normalized) {
            last_row(&x)?
        } else {
            x
        };
        let x = normed(
            &self.config,
            &weights.final_norm,
            self.config.norm,
            &x,
            scale,
            probe,
        )?;
        let x = show(probe, normalized, x)?;
        if pass.unembed == Unembed::Nothing {
            return Ok(x);
        }
        let x = if last && x.dim(1)? > 1 {
            last_row(&x)?
        } else {
            x
        };
        let logits = self.to_logits(&x, weights)?;
        show(probe, Site::outside(Part::Logits), logits)
    }

    fn to_logits(&self, normalized: &Tensor, weights: &DecoderWeights) -> Result<Tensor> {
        let logits = kernel::linear::linear(normalized, &weights.unembed)?;
        match self.config.logit_softcap {
            Some(cap) => kernel::activation::soft_cap(&logits, cap),
            None => Ok(logits),
        }
    }

    fn check_tokens(&self, tokens: &Tensor) -> Result<(usize, usize)> {
        let &[batch, length] = tokens.dims() else {
            return Err(ModelError::Input(format!(
                "Token ids must have two dimensions, [batch, position], but have shape {:?}.",
                tokens.dims()
            )));
        };
        if tokens.dtype() != DType::U32 {
            return Err(ModelError::Input(format!(
                "Token ids must be u32, but are {:?}.",
                tokens.dtype()
            )));
        }
        if batch == 0 || length == 0 {
            return Err(ModelError::Input(
                "The input is empty; give at least one token.".into(),
            ));
        }
        if self.weights.pos_embed.is_some() && length > self.config.max_positions {
            return Err(ModelError::Input(format!(
                "The input has {length} tokens, but this model has positions for {}; shorten it.",
                self.config.max_positions
            )));
        }
        let ids = tokens.flatten_all()?.to_vec1::<u32>()?;
        match ids.iter().find(|&&id| id as usize >= self.config.vocab) {
            Some(id) => Err(ModelError::Input(format!(
                "Token id {id} is outside the vocabulary of {} tokens.",
                self.config.vocab
            ))),
            None => Ok((batch, length)),
        }
    }

    fn check_entry(&self, layer: usize, resid: Tensor) -> Result<Tensor> {
        if layer > self.config.layers {
            return Err(ModelError::Input(format!(
                "A pass cannot start at block {layer}: the model has {} blocks.",
                self.config.layers
            )));
        }
        match resid.dims() {
            [batch, length, width] if *width == self.config.d_model && batch * length > 0 => {
                Ok(resid.contiguous()?)
            }
            dims => Err(ModelError::Input(format!(
                "The residual stream to continue from must have shape [batch, position, {}], but has {dims:?}.",
                self.config.d_model
            ))),
        }
    }
}

/// Where a pass begins.
enum Entry<'a> {
    Tokens(&'a Tensor),
    Block(usize, Tensor),
    Tail(&'a Tail<'a>),
}

fn block_parts(config: &DecoderConfig) -> Vec<Part> {
    let sandwich = config.block == BlockForm::Sandwich;
    let rotated = config.qk_norm || matches!(config.positions, Positions::Rotary(_));
    let mut parts = vec![
        Part::ResidPre,
        Part::Ln1Scale,
        Part::Ln1Normalized,
        Part::Q,
        Part::K,
        Part::V,
    ];
    if rotated {
        parts.extend([Part::RotQ, Part::RotK]);
    }
    parts.extend([
        Part::KExpanded,
        Part::VExpanded,
        Part::AttnScoresUnmasked,
        Part::AttnScores,
        Part::Pattern,
        Part::Z,
        Part::AttnResult,
    ]);
    if sandwich {
        parts.push(Part::Ln1PostScale);
    }
    parts.push(Part::AttnOut);
    if config.block != BlockForm::Parallel {
        parts.push(Part::ResidMid);
    }
    parts.extend([Part::Ln2Scale, Part::Ln2Normalized, Part::MlpPre]);
    if config.gated_mlp {
        parts.push(Part::MlpPreLinear);
    }
    parts.push(Part::MlpPost);
    if sandwich {
        parts.push(Part::Ln2PostScale);
    }
    parts.extend([Part::MlpOut, Part::ResidPost]);
    parts
}
