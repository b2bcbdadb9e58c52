//! Experiments on images as scripts.

use std::path::Path;

use whyfinder_experiment::image_experiment::{
    Bank, Baseline, Detector, Draws, FaithfulnessSettings, Fill, InterventionSettings, LamPath,
    LamSettings, MapSource, Quirk,
};
use whyfinder_experiment::{Experiment, ImageInput, ImageMethod, ImageTask};
use whyfinder_model::OpenOptions;
use whyfinder_model::network::demo::NETWORK_DEMOS;
use whyfinder_model::network::{
    ImageModel, network_file, network_tensors, open_network, reach::reach,
};
use whyfinder_model::state_dict::{StateDict, WeightsFormat};

use crate::error::ScriptError;
use crate::literal::{number, option, text};
use crate::network::{self, Inside};
use crate::program::Program;
use crate::scene::{self, Scene, mask};
use crate::script::{Beside, beside_name, path};

/// The generated patches that come with the program.
const PATCHES: &[u8] = include_bytes!("../../../assets/patches/bank.png");
/// Pictures that go through the network at once.
const BATCH: usize = 16;

/// Writes all but the end of the script; gives the files beside it and the name of the instrument's function.
pub(crate) fn write(
    program: &mut Program,
    experiment: &Experiment,
    input: &ImageInput,
    method: &ImageMethod,
    stem: &str,
    options: &OpenOptions,
) -> Result<(Vec<Beside>, &'static str), ScriptError> {
    let model = open_network(&experiment.model, options)?;
    let state = network_tensors(&experiment.model)?;
    program.import("import torch.nn.functional as F");
    let mut beside = weights(program, &experiment.model, &state)?;
    let inside = Inside {
        pools: matches!(method, ImageMethod::CausalEffectMap(settings) if settings.mediation),
        patterns: matches!(method, ImageMethod::WindowAttention(_)),
    };
    let words = format!("{}, {}", model.card.family, model.card.details);
    program.piece(include_str!("../python/layers.py"));
    program.piece(&network::function(&model.network, &state, &words, inside)?);
    let mut scene = scene::write(program, input, experiment.seed, &model, stem)?;
    beside.append(&mut scene.beside);
    if method.needs_truth() && !scene.truth {
        return Err(ScriptError::refused(
            "What is measured is the PSNR against the true picture, and there is none; add truth to [input].",
        ));
    }
    program.noted(
        "BATCH",
        BATCH.to_string(),
        "pictures that go through the network at once",
    );
    let mut kit = Kit {
        program,
        scene: &scene,
        model: &model,
        stem,
        beside: Vec::new(),
    };
    let function = kit.method(method)?;
    beside.append(&mut kit.beside);
    Ok((beside, function))
}

/// What loads the weights, and a bundled network's own.
fn weights(
    program: &mut Program,
    reference: &str,
    state: &StateDict,
) -> Result<Vec<Beside>, ScriptError> {
    if state.format() == WeightsFormat::Safetensors {
        program.import("from safetensors.torch import load_file");
        program.piece(include_str!("../python/weights_safetensors.py"));
    } else {
        program.noted(
            "WRAPPER",
            option(state.wrapper().map(text)),
            "under which key the tensors lie in the file",
        );
        program.piece(include_str!("../python/weights_torch.py"));
    }
    let name = reference.strip_prefix("demo:");
    let bundled = name.and_then(|name| NETWORK_DEMOS.iter().find(|demo| demo.name == name));
    let Some(demo) = bundled else {
        let file = network_file(reference).unwrap_or_else(|| reference.into());
        program.constant("MODEL", path(&file)?);
        return Ok(Vec::new());
    };
    let name = format!("{}.safetensors", demo.name);
    program.constant("MODEL", format!("HERE / {}", text(&name)));
    Ok(vec![Beside {
        name,
        bytes: demo.weights.into(),
    }])
}

/// What the instruments' functions are put together with.
struct Kit<'a> {
    program: &'a mut Program,
    scene: &'a Scene,
    model: &'a ImageModel,
    stem: &'a str,
    beside: Vec<Beside>,
}

impl Kit<'_> {
    /// Puts an instrument into the script and gives its function's name.
    fn method(&mut self, method: &ImageMethod) -> Result<&'static str, ScriptError> {
        match method {
            ImageMethod::Restore => {
                self.program.piece(include_str!("../python/restore.py"));
                Ok("restore")
            }
            ImageMethod::CausalEffectMap(settings) => self.causal_effect_map(settings),
            ImageMethod::Lam(settings) => Ok(self.lam(settings)),
            ImageMethod::Gradient(settings) => {
                self.gradients();
                self.detector("GRADIENT_DETECTOR", settings.detector);
                self.program.piece(include_str!("../python/gradient.py"));
                Ok("gradient")
            }
            ImageMethod::IntegratedGradients(settings) => {
                self.gradients();
                self.detector("IG_DETECTOR", settings.detector);
                self.baseline("IG_BASELINE", settings.baseline);
                self.program
                    .constant("IG_STEPS", settings.steps.to_string());
                self.program.piece(include_str!("../python/straight.py"));
                self.program
                    .piece(include_str!("../python/integrated_gradients.py"));
                Ok("integrated_gradients")
            }
            ImageMethod::Occlusion(settings) => {
                self.blocks(settings.block)?;
                self.program
                    .constant("OCCLUSION_BLOCK", settings.block.to_string());
                self.program.flag(match settings.fill {
                    Fill::Grey => "grey",
                    Fill::Mean => "mean",
                    Fill::Blur => "blur",
                });
                if settings.fill == Fill::Blur {
                    self.usual_blur();
                }
                self.program.piece(include_str!("../python/occlusion.py"));
                Ok("occlusion")
            }
            ImageMethod::Rise(settings) => {
                self.program.constant("MASKS", settings.masks.to_string());
                self.program.noted(
                    "GRID",
                    settings.grid.to_string(),
                    "cells along each side of a mask",
                );
                self.program.noted(
                    "PROBABILITY",
                    number(settings.probability),
                    "that a cell is kept",
                );
                self.reached()?;
                self.program.piece(include_str!("../python/rise.py"));
                Ok("rise")
            }
            ImageMethod::ReceptiveField(settings) => {
                self.gradients();
                self.reached()?;
                self.program
                    .noted("INPUTS", settings.inputs.to_string(), "random pictures");
                self.program
                    .piece(include_str!("../python/receptive_field.py"));
                Ok("receptive_field")
            }
            ImageMethod::WindowAttention(settings) => {
                let region = &self.scene.region;
                let [x, y] = settings.pixel.unwrap_or([
                    (region.columns.start + region.columns.end) / 2,
                    (region.rows.start + region.rows.end) / 2,
                ]);
                self.program.noted(
                    "PIXEL",
                    format!("({x}, {y})"),
                    "x and y in the output's pixels",
                );
                self.program
                    .piece(include_str!("../python/window_attention.py"));
                Ok("window_attention")
            }
            ImageMethod::Faithfulness(settings) => self.faithfulness(settings),
        }
    }

    fn causal_effect_map(
        &mut self,
        settings: &InterventionSettings,
    ) -> Result<&'static str, ScriptError> {
        self.blocks(settings.block)?;
        let program = &mut *self.program;
        program.noted(
            "BLOCK",
            settings.block.to_string(),
            "side of a block, in the output's pixels",
        );
        program.noted(
            "COARSE",
            settings.coarse.to_string(),
            "interventions on every block",
        );
        program.noted(
            "FINE",
            settings.fine.to_string(),
            "interventions on blocks that any coarse one moved",
        );
        program.noted("TOLERANCE", number(settings.tolerance), "dB");
        if let Some([row, column]) = settings.only {
            program.noted(
                "ONLY",
                format!("({row}, {column})"),
                "the one block that is run",
            );
            program.flag("only");
        }
        let name = match &settings.bank {
            Bank::Builtin => {
                self.beside.push(Beside {
                    name: beside_name(self.stem, "patches.png"),
                    bytes: PATCHES.into(),
                });
                program.piece(include_str!("../python/bank_sheet.py"));
                beside_name(self.stem, "patches.png")
            }
            Bank::File(file) => {
                let copy = Beside::copy(file, &beside_name(self.stem, "patches.npy"))?;
                let name = copy.name.clone();
                self.beside.push(copy);
                program.piece(include_str!("../python/bank_file.py"));
                name
            }
        };
        program.constant("BANK", format!("HERE / {}", text(&name)));
        if settings.confidence.is_some() {
            program.facts([
                String::new(),
                "Whyfinder was told to stop early where enough was known. This script takes all interventions on".into(),
                "every refined block, and compares only the blocks on which Whyfinder took them all, too.".into(),
            ]);
        }
        for (flag, quirk) in [
            ("bgr", Quirk::BgrPatches),
            ("region_counted", Quirk::RegionCounted),
            ("square_grid", Quirk::SquareGrid),
        ] {
            if settings.repeats(quirk) {
                program.flag(flag);
            }
        }
        program.flag(if settings.repeats(Quirk::OpencvResize) {
            "opencv"
        } else {
            "pillow"
        });
        program.flag(if settings.mediation {
            "mediation"
        } else {
            "no_mediation"
        });
        program.flag(if self.scene.task == ImageTask::Derain {
            "rain"
        } else {
            "no_rain"
        });
        program.piece(include_str!("../python/unsmoothed.py"));
        program.piece(include_str!("../python/bank.py"));
        program.piece(match settings.draws {
            Draws::Numpy => include_str!("../python/draws_numpy.py"),
            Draws::Stream | Draws::Common => include_str!("../python/draws_own.py"),
        });
        match settings.draws {
            Draws::Numpy => {}
            Draws::Stream => program.flag("per_block"),
            Draws::Common => program.flag("common"),
        }
        program.piece(match self.scene.task {
            ImageTask::SuperResolution => include_str!("../python/patch_shrunk.py"),
            ImageTask::Denoise => include_str!("../python/patch_noisy.py"),
            ImageTask::Derain => include_str!("../python/patch_rainy.py"),
        });
        program.piece(include_str!("../python/causal_effect_map.py"));
        Ok("causal_effect_map")
    }

    fn lam(&mut self, settings: &LamSettings) -> &'static str {
        self.gradients();
        self.detector("LAM_DETECTOR", settings.detector);
        let program = &mut *self.program;
        program.noted(
            "LAM_SIGMA",
            number(settings.sigma),
            "of the blur, in the input's pixels",
        );
        program.noted("LAM_FOLD", settings.fold.to_string(), "steps of the path");
        program.noted(
            "LAM_KERNEL",
            settings.kernel.to_string(),
            "side of the blur's kernel",
        );
        program.piece(include_str!("../python/straight.py"));
        match settings.path {
            LamPath::ProgressiveBlur => program.piece(include_str!("../python/lam_blurs.py")),
            LamPath::GaussianLinear => {
                program.flag("lam_blur");
                program.piece(include_str!("../python/lam_straight.py"));
            }
            LamPath::BlackLinear => {
                program.flag("lam_black");
                program.piece(include_str!("../python/lam_straight.py"));
            }
        }
        "lam"
    }

    fn faithfulness(
        &mut self,
        settings: &FaithfulnessSettings,
    ) -> Result<&'static str, ScriptError> {
        self.blocks(settings.block)?;
        self.reached()?;
        self.baseline("FAITHFULNESS_BASELINE", settings.baseline);
        let mut maps = Vec::new();
        for (i, map) in settings.maps.iter().enumerate() {
            let make = match (map.method(settings.block), map) {
                (Some(method), _) => self.method(&method)?.to_string(),
                (None, MapSource::Result(result)) => {
                    let file = if result.is_dir() {
                        result.join("result.npz")
                    } else {
                        result.clone()
                    };
                    let copy = Beside::copy(
                        Path::new(&file),
                        &beside_name(self.stem, &format!("map{}.npz", i + 1)),
                    )?;
                    let name = text(&copy.name);
                    self.beside.push(copy);
                    self.program
                        .piece(include_str!("../python/map_of_result.py"));
                    format!("map_of_result(HERE / {name})")
                }
                (None, MapSource::Instrument(name)) => {
                    return Err(ScriptError::refused(format!(
                        "There is no map of the name \"{name}\"."
                    )));
                }
            };
            maps.push(format!("    {}: {make},\n", text(&map.to_string())));
        }
        let program = &mut *self.program;
        program.constant("FAITHFULNESS_BLOCK", settings.block.to_string());
        program.noted(
            "STEPS",
            settings.steps.to_string(),
            "points of a curve beside its first",
        );
        program.noted(
            "RANDOM_ORDERS",
            settings.random.to_string(),
            "that the maps are compared with",
        );
        program.piece(include_str!("../python/field_sampled.py"));
        program.piece(include_str!("../python/faithfulness.py"));
        program.piece(&format!("MAPS = {{\n{}}}\n", maps.concat()));
        Ok("faithfulness")
    }

    /// # Errors
    /// If a block is no whole number of the input's pixels.
    fn blocks(&mut self, block: usize) -> Result<(), ScriptError> {
        if !block.is_multiple_of(self.scene.scale) {
            return Err(ScriptError::refused(format!(
                "Blocks of {block} pixels are no whole number of the input's pixels, which are enlarged {} times.",
                self.scene.scale
            )));
        }
        self.program
            .piece(include_str!("../python/blocks_of_picture.py"));
        self.program
            .piece(include_str!("../python/field_sampled.py"));
        Ok(())
    }

    fn gradients(&mut self) {
        for piece in [
            include_str!("../python/gradient_of.py"),
            include_str!("../python/detectors.py"),
            include_str!("../python/spread.py"),
            include_str!("../python/density.py"),
            include_str!("../python/path.py"),
            include_str!("../python/blurred.py"),
        ] {
            self.program.piece(piece);
        }
    }

    fn detector(&mut self, name: &str, detector: Detector) {
        let function = match detector {
            Detector::Gradient => "detect_gradient",
            Detector::Sum => "detect_sum",
            Detector::Psnr => "detect_psnr",
        };
        self.program.piece(&format!("{name} = {function}\n"));
    }

    fn baseline(&mut self, name: &str, baseline: Baseline) {
        let function = match baseline {
            Baseline::Blur => "baseline_blur",
            Baseline::Black => "baseline_black",
            Baseline::Mean => "baseline_mean",
        };
        if baseline == Baseline::Blur {
            self.usual_blur();
        }
        self.program.piece(include_str!("../python/baselines.py"));
        self.program.piece(&format!("{name} = {function}\n"));
    }

    /// The blur that a local attribution map begins with.
    fn usual_blur(&mut self) {
        let usual = LamSettings::default();
        self.program.constant("BLUR_SIGMA", number(usual.sigma));
        self.program.constant("BLUR_SIDE", usual.kernel.to_string());
        self.program.piece(include_str!("../python/blurred.py"));
    }

    /// What the region can depend on, which only the network's operations tell.
    fn reached(&mut self) -> Result<(), ScriptError> {
        let (height, width) = self.scene.input_size;
        let reach = reach(&self.model.network, height, width, &self.scene.region)?;
        let file = mask(
            &reach.pixels.pixels,
            width,
            &beside_name(self.stem, "reachable.png"),
        )?;
        self.program
            .constant("REACHABLE", format!("HERE / {}", text(&file.name)));
        self.program.piece(include_str!("../python/reached.py"));
        self.beside.push(file);
        Ok(())
    }
}
