//! An experiment's pictures for a script, as files beside it.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use whyfinder_experiment::{ImageInput, ImageSource, ImageTask, Picture, read_picture};
use whyfinder_model::network::{ImageModel, Rect};

use crate::error::ScriptError;
use crate::literal::{number, number32, text};
use crate::program::Program;
use crate::script::{Beside, beside_name};

/// The noise that is taken where none is named, 0 to 255.
const USUAL_SIGMA: f64 = 50.0;

/// Sizes and task, as the script has them.
pub(crate) struct Scene {
    pub(crate) task: ImageTask,
    pub(crate) scale: usize,
    /// Height and width of what the network sees, pixels.
    pub(crate) input_size: (usize, usize),
    /// In the output's pixels.
    pub(crate) region: Rect,
    pub(crate) truth: bool,
    pub(crate) beside: Vec<Beside>,
}

/// Writes what reads the pictures.
///
/// # Errors
/// A picture that cannot be read, or that does not fit the network or the region.
pub(crate) fn write(
    program: &mut Program,
    input: &ImageInput,
    seed: u32,
    model: &ImageModel,
    stem: &str,
) -> Result<Scene, ScriptError> {
    let (scale, channels) = (model.network.scale, model.network.channels());
    let task = input.task.unwrap_or(if scale > 1 {
        ImageTask::SuperResolution
    } else {
        ImageTask::Denoise
    });
    let sigma = (task == ImageTask::Denoise).then(|| input.sigma.unwrap_or(USUAL_SIGMA));
    program.import("from PIL import Image");
    program.noted(
        "MODE",
        text(if channels == 3 { "RGB" } else { "L" }),
        "the network's colours",
    );
    program.noted("SEED", seed.to_string(), "of all random draws");
    let mut beside = Vec::new();
    let mut put = |program: &mut Program, name: &str, what: &str, picture: &Picture| {
        let file = png(picture, &beside_name(stem, what))?;
        program.constant(name, format!("HERE / {}", text(&file.name)));
        beside.push(file);
        Ok::<_, ScriptError>(())
    };
    let truth = input.truth.as_ref().map(opened).transpose()?;
    let truth = truth.map(|truth| whole_pixels(truth, scale)).transpose()?;
    if let Some(truth) = &truth {
        put(program, "TRUTH", "truth.png", truth)?;
        program.flag("truth");
    } else {
        program.flag("no_truth");
    }
    let image = input.image.as_ref().map(opened).transpose()?;
    let input_size = match (&image, &truth) {
        (Some(image), _) => {
            put(program, "IMAGE", "image.png", image)?;
            (image.height, image.width)
        }
        (None, Some(truth)) => (truth.height / scale, truth.width / scale),
        (None, None) => {
            return Err(ScriptError::refused(
                "The experiment has no image; add image or truth to [input].",
            ));
        }
    };
    let (height, width) = (input_size.0 * scale, input_size.1 * scale);
    let region = match input.region {
        Some([x, y, w, h]) => Rect::new(y..y + h, x..x + w),
        None => Rect::whole(height, width),
    };
    if !Rect::whole(height, width).contains(&region) {
        return Err(ScriptError::refused(format!(
            "The region reaches beyond the output of {width} x {height} pixels; change input.region."
        )));
    }
    program.noted(
        "REGION",
        format!(
            "({}, {}, {}, {})",
            region.columns.start,
            region.rows.start,
            region.width(),
            region.height()
        ),
        "x, y, width and height in the output's pixels",
    );
    program.noted(
        "SCALE",
        scale.to_string(),
        "output pixels for one of the input",
    );
    if let Some(sigma) = sigma {
        program.noted("SIGMA", number(sigma), "of the noise, 0 to 255");
    }
    let noise = (sigma.unwrap_or(0.0) / 255.0) as f32;
    program.noted(
        "NOISE",
        number32(noise),
        "what the network is told of the noise",
    );
    program.piece(include_str!("../python/scene.py"));
    program.piece(include_str!("../python/field.py"));
    program.piece(include_str!("../python/noisy.py"));
    program.piece(include_str!("../python/under_rain.py"));
    program.piece(include_str!("../python/rain.py"));
    program.piece(match (image.is_some(), task) {
        (true, _) => include_str!("../python/image_given.py"),
        (false, ImageTask::SuperResolution) => include_str!("../python/image_shrunk.py"),
        (false, ImageTask::Denoise) => include_str!("../python/image_noisy.py"),
        (false, ImageTask::Derain) => include_str!("../python/image_rainy.py"),
    });
    if image.is_some() && task == ImageTask::Derain {
        program.piece(include_str!("../python/rain_seen.py"));
    }
    Ok(Scene {
        task,
        scale,
        input_size,
        region,
        truth: truth.is_some(),
        beside,
    })
}

fn opened(source: &ImageSource) -> Result<Picture, ScriptError> {
    Ok(read_picture(&source.to_string())?.picture)
}

/// The top left of the truth, in whole pixels of the input.
fn whole_pixels(truth: Picture, scale: usize) -> Result<Picture, ScriptError> {
    let side = |length: usize| length / scale * scale;
    truth
        .cropped(0, 0, side(truth.width), side(truth.height))
        .ok_or_else(|| {
            ScriptError::refused(format!(
                "A true picture of {} x {} pixels is smaller than one pixel that is enlarged {scale} times; use a \
                 larger one.",
                truth.width, truth.height
            ))
        })
}

fn png(picture: &Picture, name: &str) -> Result<Beside, ScriptError> {
    encoded(
        &picture.rgb,
        picture.width,
        picture.height,
        ExtendedColorType::Rgb8,
        name,
    )
}

/// White where a pixel is marked.
pub(crate) fn mask(pixels: &[bool], width: usize, name: &str) -> Result<Beside, ScriptError> {
    let values: Vec<u8> = pixels.iter().map(|&p| 255 * u8::from(p)).collect();
    let height = pixels.len() / width.max(1);
    encoded(&values, width, height, ExtendedColorType::L8, name)
}

fn encoded(
    values: &[u8],
    width: usize,
    height: usize,
    colours: ExtendedColorType,
    name: &str,
) -> Result<Beside, ScriptError> {
    let mut bytes = Vec::new();
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    PngEncoder::new(&mut bytes)
        .write_image(values, side(width), side(height), colours)
        .map_err(|e| {
            ScriptError::refused(format!("The picture {name} cannot be written as PNG: {e}."))
        })?;
    Ok(Beside {
        name: name.to_string(),
        bytes: bytes.into(),
    })
}
