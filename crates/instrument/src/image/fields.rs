//! Pictures as fields.

use whyfinder_experiment::{Axis, Field};

use super::eight_bit::{EightBit, unit};
use super::scene::Scene;
use crate::error::Result;
use crate::report::VALUE_AND_MASK;

/// Values `[height, width, channels]`, 0 to 1 (outputs may reach beyond), over y, x and channel.
pub(crate) fn picture_field(
    name: &str,
    height: usize,
    width: usize,
    channels: usize,
    values: Vec<f32>,
) -> Result<Field> {
    let axes = vec![
        Axis::numbered("y", height),
        Axis::numbered("x", width),
        channel_axis(channels),
    ];
    Ok(Field::measured(name, axes, values)?)
}

pub(crate) fn channel_axis(channels: usize) -> Axis {
    let names: &[&str] = match channels {
        3 => &["red", "green", "blue"],
        _ => &["grey"],
    };
    Axis::text("channel", names.iter().map(ToString::to_string).collect())
}

fn of(name: &str, picture: &EightBit) -> Result<Field> {
    picture_field(
        name,
        picture.height,
        picture.width,
        picture.channels,
        unit(&picture.values),
    )
}

/// The fields `input` and, where there is one, `truth`.
pub(crate) fn given(scene: &Scene) -> Result<Vec<Field>> {
    let mut fields = vec![of("input", &scene.input)?];
    if let Some(truth) = &scene.truth {
        fields.push(of("truth", truth)?);
    }
    Ok(fields)
}

/// Bytes of the fields of a scene, `output` among them, in a result.
pub(crate) fn result_bytes(scene: &Scene) -> u64 {
    VALUE_AND_MASK * values(scene) as u64
}

fn values(scene: &Scene) -> usize {
    let (height, width) = scene.output_size();
    let output = height * width * scene.input.channels;
    output + scene.input.values.len() + scene.truth.as_ref().map_or(0, |t| t.values.len())
}

/// Bytes of the fields of a scene, `output` among them, twice over (here and on their way to the observer), and of the
/// input as the network takes it.
pub(crate) fn field_bytes(scene: &Scene) -> u64 {
    2 * result_bytes(scene) + 8 * scene.input.values.len() as u64
}
