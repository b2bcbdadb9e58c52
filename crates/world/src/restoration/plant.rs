//! A network whose weights are variables with start values.

use candle_core::{Device, Tensor, Var};
use whyfinder_model::network::{Builder, Network, NodeId, Nonlinearity, Operation, Window};

use crate::draw::Draw;
use crate::error::Result;
use crate::parameters::{Parameter, Parameters};

/// A network in the making, and its variables by their names in the checkpoint.
#[derive(Debug)]
pub struct Plant {
    pub builder: Builder,
    draw: Draw,
    list: Vec<Parameter>,
    tables: Vec<Table>,
    /// Whether the next kernels are matrices for Muon.
    inside: bool,
}

/// A table of biases by relative position that a window's attention pattern reads.
#[derive(Clone, Debug)]
struct Table {
    node: NodeId,
    parameter: usize,
    size: usize,
    heads: usize,
}

/// A network in training.
#[derive(Debug)]
pub struct Trainable {
    network: Network,
    pub parameters: Parameters,
    tables: Vec<Table>,
}

impl Plant {
    /// Start values depend on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self {
            builder: Builder::new(3),
            draw: Draw::stream(seed, u64::MAX - 2),
            list: Vec::new(),
            tables: Vec::new(),
            inside: true,
        }
    }

    fn variable(&mut self, name: String, shape: &[usize], values: Vec<f32>) -> Result<Tensor> {
        let var = Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu)?)?;
        let tensor = var.as_tensor().clone();
        // The matrices inside the trunk; the first and the last convolution have few channels on one side.
        let matrix = self.inside && shape.len() == 4 && shape[2] > 3 && shape[3] > 3;
        self.list.push(Parameter { name, var, matrix });
        Ok(tensor)
    }

    /// A convolution over `side` x `side` pixels from `channels.0` to `channels.1`. Start values are normal with
    /// [`he_spread`] times `gain`.
    pub fn convolution(
        &mut self,
        name: &str,
        side: usize,
        channels: (usize, usize),
        gain: f32,
        from: NodeId,
    ) -> Result<NodeId> {
        self.shaped(name, side, channels, gain, from, |_| {})
    }

    /// As [`Plant::convolution`]; `shape` may change the start values, `[row, column, in, out]`.
    pub fn shaped(
        &mut self,
        name: &str,
        side: usize,
        (input, output): (usize, usize),
        gain: f32,
        from: NodeId,
        shape: impl FnOnce(&mut [f32]),
    ) -> Result<NodeId> {
        let spread = gain * he_spread(side * side * input);
        let mut values: Vec<f32> = (0..side * side * input * output)
            .map(|_| spread * self.draw.normal() as f32)
            .collect();
        shape(&mut values);
        let weight = self.variable(
            format!("{name}.weight"),
            &[side, side, input, output],
            values,
        )?;
        let bias = self.variable(format!("{name}.bias"), &[output], vec![0.0; output])?;
        Ok(self.builder.convolution(name, weight, Some(bias), from))
    }

    /// As [`Plant::shaped`], for outputs that are the picture itself: Muon's steps, all equally large, would show there.
    pub fn shaped_last(
        &mut self,
        name: &str,
        side: usize,
        channels: (usize, usize),
        from: NodeId,
        shape: impl FnOnce(&mut [f32]),
    ) -> Result<NodeId> {
        self.inside = false;
        let made = self.shaped(name, side, channels, 0.1, from, shape);
        self.inside = true;
        made
    }

    /// A layer norm over the channels.
    pub fn norm(&mut self, name: &str, channels: usize, from: NodeId) -> Result<NodeId> {
        let weight = self.variable(format!("{name}.weight"), &[channels], vec![1.0; channels])?;
        let bias = self.variable(format!("{name}.bias"), &[channels], vec![0.0; channels])?;
        let norm = Operation::LayerNorm {
            weight,
            bias,
            eps: 1e-5,
        };
        Ok(self.builder.push(name, norm, [from]))
    }

    /// Attention inside windows of `size` x `size`, shifted by `shift`, over queries, keys and values `qkv`.
    pub fn attention(
        &mut self,
        name: &str,
        heads: usize,
        size: usize,
        shift: usize,
        qkv: NodeId,
    ) -> Result<NodeId> {
        let rows = (2 * size - 1) * (2 * size - 1);
        let values = (0..rows * heads)
            .map(|_| 0.02 * self.draw.normal() as f32)
            .collect();
        let parameter = self.list.len();
        let name_of_table = format!("{name}.relative_position_bias_table");
        let table = self.variable(name_of_table, &[rows, heads], values)?;
        let window = Window {
            heads,
            size,
            key_size: size,
            shift,
            bias: spread_table(&table, size, heads)?,
        };
        let mix = Operation::WindowMix(window.clone());
        let pattern = self.builder.push(
            format!("{name}.pattern"),
            Operation::WindowPattern(window),
            [qkv],
        );
        self.tables.push(Table {
            node: pattern,
            parameter,
            size,
            heads,
        });
        Ok(self
            .builder
            .push(format!("{name}.mix"), mix, [pattern, qkv]))
    }

    pub fn relu(&mut self, name: &str, from: NodeId) -> NodeId {
        self.builder.activation(name, Nonlinearity::Relu, from)
    }

    /// What has grown.
    pub fn finish(self, scale: usize) -> Trainable {
        Trainable {
            network: self.builder.finish(scale),
            parameters: Parameters(self.list),
            tables: self.tables,
        }
    }
}

impl Trainable {
    /// The network over the variables as they are now; gradients flow to them.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn network(&self) -> Result<Network> {
        let mut network = self.network.clone();
        for table in &self.tables {
            let rows = self.parameters.0[table.parameter].var.as_tensor();
            let bias = spread_table(rows, table.size, table.heads)?;
            if let Operation::WindowPattern(window) = &mut network.nodes[table.node].operation {
                window.bias = bias;
            }
        }
        Ok(network)
    }

    /// Puts other values into the variables, and gives back those they had.
    ///
    /// # Errors
    /// When they do not fit.
    pub fn exchange(&self, values: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        self.parameters
            .0
            .iter()
            .zip(values)
            .map(|(parameter, values)| {
                let before = parameter.var.flatten_all()?.to_vec1::<f32>()?;
                let shape = parameter.var.shape();
                let tensor = Tensor::from_slice(values, shape, &Device::Cpu)?;
                parameter.var.set(&tensor)?;
                Ok(before)
            })
            .collect()
    }
}

/// Standard deviation of the kernels of `fan` inputs that keeps the size of what passes a ReLU (He et al. 2015).
pub(super) fn he_spread(fan: usize) -> f32 {
    (2.0 / fan as f32).sqrt()
}

/// Biases `[heads, queries, keys]` from a table `[(2 size - 1)^2, heads]` of them by relative position.
fn spread_table(table: &Tensor, size: usize, heads: usize) -> Result<Tensor> {
    let index = relative_positions(size);
    let index = Tensor::from_vec(index, size.pow(4), &Device::Cpu)?;
    let bias = table.index_select(&index, 0)?;
    let bias = bias.reshape((size * size, size * size, heads))?;
    Ok(bias.permute((2, 0, 1))?.contiguous()?)
}

/// For queries and keys of a window, row by row, the table's row (Liu et al. 2021).
pub fn relative_positions(size: usize) -> Vec<u32> {
    let pixels = size * size;
    (0..pixels * pixels)
        .map(|i| {
            let (query, key) = (i / pixels, i % pixels);
            let dy = query / size + size - 1 - key / size;
            let dx = query % size + size - 1 - key % size;
            (dy * (2 * size - 1) + dx) as u32
        })
        .collect()
}
