//! Values of a run, kept for the runs that continue from it.

use candle_core::{DType, Tensor};
use whyfinder_experiment::{Part, Site, TraceKind};
use whyfinder_model::Probe;
use whyfinder_model::error::Result;

/// Which values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keeping {
    pub(crate) embed: bool,
    pub(crate) residual: bool,
    pub(crate) mlp: bool,
    pub(crate) attention: bool,
}

impl Keeping {
    /// Vectors of the model's width per row and position.
    pub(crate) fn vectors(&self, layers: usize) -> usize {
        usize::from(self.embed)
            + usize::from(self.residual) * (layers + 1)
            + usize::from(self.mlp) * layers
            + usize::from(self.attention) * layers
    }

    pub(crate) fn with(mut self, kind: TraceKind) -> Self {
        match kind {
            TraceKind::Residual => self.residual = true,
            TraceKind::Mlp => self.mlp = true,
            TraceKind::Attention => self.attention = true,
        }
        self
    }
}

/// Values of every row of a run, each `[rows, length, width]`, row-major. A probe: it fills itself during a pass, and
/// further passes add further rows.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    keeping: Keeping,
    layers: usize,
    length: usize,
    width: usize,
    pub(crate) embed: Vec<f32>,
    /// What enters each block, and last what leaves the last one.
    residual: Vec<Vec<f32>>,
    mlp: Vec<Vec<f32>>,
    attention: Vec<Vec<f32>>,
}

impl Kept {
    pub(crate) fn new(keeping: Keeping, layers: usize, length: usize, width: usize) -> Self {
        Self {
            keeping,
            layers,
            length,
            width,
            embed: Vec::new(),
            residual: vec![Vec::new(); layers + 1],
            mlp: vec![Vec::new(); layers],
            attention: vec![Vec::new(); layers],
        }
    }

    /// What a cell of this kind restores: the output of block `layer`, or of its MLP or attention, at one position.
    pub(crate) fn output(
        &self,
        kind: TraceKind,
        layer: usize,
        row: usize,
        position: usize,
    ) -> &[f32] {
        let values = match kind {
            TraceKind::Residual => &self.residual[layer + 1],
            TraceKind::Mlp => &self.mlp[layer],
            TraceKind::Attention => &self.attention[layer],
        };
        let from = (row * self.length + position) * self.width;
        values.get(from..from + self.width).unwrap_or(&[])
    }

    fn slot(&mut self, site: Site) -> Option<&mut Vec<f32>> {
        let keeping = self.keeping;
        match (site.part, site.layer) {
            (Part::Embed, _) if keeping.embed => Some(&mut self.embed),
            (Part::ResidPre, Some(l)) if keeping.residual => self.residual.get_mut(l),
            (Part::ResidPost, Some(l)) if keeping.residual && l + 1 == self.layers => {
                self.residual.get_mut(l + 1)
            }
            (Part::MlpOut, Some(l)) if keeping.mlp => self.mlp.get_mut(l),
            (Part::AttnOut, Some(l)) if keeping.attention => self.attention.get_mut(l),
            _ => None,
        }
    }
}

impl Probe for Kept {
    fn wants(&self, site: Site) -> bool {
        let keeping = self.keeping;
        match site.part {
            Part::Embed => keeping.embed,
            Part::ResidPre => keeping.residual,
            Part::ResidPost => keeping.residual && site.layer == self.layers.checked_sub(1),
            Part::MlpOut => keeping.mlp,
            Part::AttnOut => keeping.attention,
            _ => false,
        }
    }

    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        if let Some(slot) = self.slot(site) {
            slot.extend(to_host(&value)?);
        }
        Ok(value)
    }
}

/// The values of a tensor, row-major.
pub(crate) fn to_host(value: &Tensor) -> Result<Vec<f32>> {
    Ok(value
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?)
}
