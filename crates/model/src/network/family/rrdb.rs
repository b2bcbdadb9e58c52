//! ESRGAN and its relatives (Wang et al. 2018, 2021): dense blocks inside residual blocks, in the old layout, in that of
//! BSRGAN and in that of Real-ESRGAN; with the additional paths of ESRGAN+ where they are stored.
//!
//! A first layer that reads 4 or 16 times as many channels reads shuffled pixels, so that the picture becomes only
//! 2 times larger or stays as large. Each enlargement is taken for one by 2.

use candle_core::Device;

use super::super::assembly::{Assembly, any, channels_in, channels_out, count, indices};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::swinir::count_named;
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "ESRGAN",
    marks: |state| layout(state).is_some(),
    build,
};

const LEAKY: Nonlinearity = Nonlinearity::LeakyRelu(0.2);
const SHARE: f32 = 0.2;

/// Names of the parts.
#[derive(Clone, Debug)]
struct Layout {
    first: String,
    /// Blocks lie at `{trunk}.0` and so on.
    trunk: String,
    blocks: usize,
    /// `RDB` or `rdb`, before its number.
    dense: &'static str,
    /// Behind a convolution's name.
    inner: &'static str,
    trunk_convolution: String,
    ups: Vec<String>,
    hr: String,
    last: String,
}

fn layout(state: &StateDict) -> Option<Layout> {
    if any(state, "model.1.sub.0.RDB1.") {
        return old_layout(state);
    }
    let newer = |trunk: &str, dense, trunk_convolution: &str, up: &str, hr: &str| {
        let ups = count_named(state, up);
        any(state, &format!("{trunk}.0.{dense}1.")).then(|| Layout {
            first: "conv_first".into(),
            trunk: trunk.into(),
            blocks: count(state, &format!("{trunk}.")),
            dense,
            inner: "",
            trunk_convolution: trunk_convolution.into(),
            ups: (1..=ups).map(|step| format!("{up}{step}")).collect(),
            hr: hr.into(),
            last: "conv_last".into(),
        })
    };
    newer("RRDB_trunk", "RDB", "trunk_conv", "upconv", "HRconv")
        .or_else(|| newer("body", "rdb", "conv_body", "conv_up", "conv_hr"))
}

/// Parts by number; the last two are those after the enlargement.
fn old_layout(state: &StateDict) -> Option<Layout> {
    let inside = count(state, "model.1.sub.").checked_sub(1)?;
    let mut after: Vec<String> = indices(state, "model.")
        .into_iter()
        .filter(|&index| index > 1)
        .map(|index| format!("model.{index}"))
        .collect();
    let (last, hr) = (after.pop()?, after.pop()?);
    Some(Layout {
        first: "model.0".into(),
        trunk: "model.1.sub".into(),
        blocks: inside,
        dense: "RDB",
        inner: ".0",
        trunk_convolution: format!("model.1.sub.{inside}"),
        ups: after,
        hr,
        last,
    })
}

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    let Some(names) = layout(state) else {
        return Err(crate::ModelError::file(
            state.path(),
            "The weights have no dense blocks",
        ));
    };
    let channels = channels_out(state, &format!("{}.weight", names.last))?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let read = channels_in(state, &format!("{}.weight", names.first))?;
    let fewer = net.shuffle_factor(&names.first, read, channels)?;
    let mut x = Builder::PICTURE;
    if fewer > 1 {
        x = net.push("input_padded", Operation::PadToMultiple(fewer), [x]);
        x = net.push("input_unshuffled", Operation::PixelUnshuffle(fewer), [x]);
    }
    let head = net.convolution(&names.first, x)?;
    x = head;
    for index in 0..names.blocks {
        let name = format!("{}.{index}", names.trunk);
        let mut y = x;
        for part in 1..=3 {
            y = dense_block(
                &mut net,
                &names,
                &format!("{name}.{}{part}", names.dense),
                y,
            )?;
        }
        y = net.push(format!("{name}.scale"), Operation::Scale(SHARE), [y]);
        x = net.add(name, x, y);
    }
    x = net.convolution(&names.trunk_convolution, x)?;
    x = net.add("trunk", head, x);
    for name in &names.ups {
        x = net.push(format!("{name}.nearest"), Operation::Nearest(2), [x]);
        x = net.convolution(name, x)?;
        x = net.activation(format!("{name}.act"), LEAKY, x);
    }
    x = net.convolution(&names.hr, x)?;
    x = net.activation(format!("{}.act", names.hr), LEAKY, x);
    x = net.convolution(&names.last, x)?;
    let enlarged = 1usize << names.ups.len().min(8);
    if !enlarged.is_multiple_of(fewer) {
        return Err(net.refused(format!(
            "its first layer makes a picture {fewer} times smaller and its last ones only {enlarged} times larger"
        )));
    }
    let scale = enlarged / fewer;
    if fewer > 1 {
        net.push("output_cropped", Operation::CropToPicture { scale }, [x]);
    }
    Ok(Recognised {
        family: FAMILY.name,
        details: format!(
            "{} of {} channels, x{scale}",
            counted(names.blocks, "block"),
            net.channels(head)
        ),
        network: net.finish(scale)?,
    })
}

/// Five convolutions, each reading what all before it found.
fn dense_block(net: &mut Assembly<'_>, names: &Layout, name: &str, from: NodeId) -> Result<NodeId> {
    let plus = net.state().contains(&format!("{name}.conv1x1.weight"));
    let mut found = vec![from];
    for step in 1..=5 {
        let x = match step {
            1 => from,
            _ => {
                let joined = format!("{name}.joined{step}");
                net.push(joined, Operation::Concatenate, found.clone())
            }
        };
        let part = format!("{name}.conv{step}{}", names.inner);
        let mut x = net.convolution(&part, x)?;
        if step < 5 {
            x = net.activation(format!("{part}.act"), LEAKY, x);
        }
        if plus && step == 2 {
            let y = net.convolution(&format!("{name}.conv1x1"), from)?;
            x = net.add(format!("{name}.plus2"), x, y);
        }
        if plus && step == 4 {
            x = net.add(format!("{name}.plus4"), x, found[2]);
        }
        found.push(x);
    }
    let x = net.push(format!("{name}.scale"), Operation::Scale(SHARE), [found[5]]);
    Ok(net.add(name, from, x))
}
