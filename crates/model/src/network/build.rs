//! Putting a network together, node by node.

use candle_core::Tensor;

use super::node::{ConvolutionWeights, Network, Node, NodeId, Nonlinearity, Operation};

/// A network in the making. Node 0 is the picture.
#[derive(Clone, Debug)]
pub struct Builder {
    nodes: Vec<Node>,
}

impl Builder {
    pub const PICTURE: NodeId = 0;

    /// For pictures of 1 or 3 channels.
    pub fn new(channels: usize) -> Self {
        Self {
            nodes: vec![Node {
                name: "input".into(),
                operation: Operation::Input { channels },
                inputs: Vec::new(),
            }],
        }
    }

    pub fn push(
        &mut self,
        name: impl Into<String>,
        operation: Operation,
        inputs: impl Into<Vec<NodeId>>,
    ) -> NodeId {
        self.nodes.push(Node {
            name: name.into(),
            operation,
            inputs: inputs.into(),
        });
        self.nodes.len() - 1
    }

    /// A convolution with stride 1 that keeps the size.
    pub fn convolution(
        &mut self,
        name: impl Into<String>,
        weight: Tensor,
        bias: Option<Tensor>,
        from: NodeId,
    ) -> NodeId {
        let padding = weight.dims().first().map_or(0, |kernel| kernel / 2);
        let convolution = ConvolutionWeights {
            weight,
            bias,
            stride: 1,
            dilation: 1,
            padding,
            groups: 1,
        };
        self.push(name, Operation::Convolution(convolution), [from])
    }

    pub fn activation(
        &mut self,
        name: impl Into<String>,
        kind: Nonlinearity,
        from: NodeId,
    ) -> NodeId {
        self.push(name, Operation::Activation(kind), [from])
    }

    pub fn add(&mut self, name: impl Into<String>, a: NodeId, b: NodeId) -> NodeId {
        self.push(name, Operation::Add, [a, b])
    }

    /// The network whose last node is its output.
    pub fn finish(self, scale: usize) -> Network {
        crate::memory::keep_freed();
        Network {
            output: self.nodes.len() - 1,
            nodes: self.nodes,
            scale,
        }
    }
}
