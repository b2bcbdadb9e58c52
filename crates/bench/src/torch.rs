//! PyTorch in a process of its own, asked for one time after the other.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

const SCRIPT: &str = include_str!("torch_side.py");

#[derive(Debug)]
pub(crate) struct Torch {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    version: String,
    threads: usize,
}

/// What PyTorch is asked to time.
#[derive(Clone, Debug)]
pub(crate) struct Order<'a> {
    /// `gpt2`, `dncnn`, `edsr` and so on.
    pub(crate) kind: &'a str,
    pub(crate) weights: &'a Path,
    /// `tokens` and `heads`, or `input`: a file with the picture as `x`.
    pub(crate) more: Value,
    pub(crate) seconds: f64,
    /// Where to put the output.
    pub(crate) output: Option<&'a Path>,
}

impl Torch {
    /// `None` where this Python has no torch or safetensors.
    pub(crate) fn start(python: &str, threads: usize) -> Result<Option<Self>> {
        let modules = Command::new(python)
            .args(["-c", "import torch, safetensors"])
            .stderr(Stdio::null())
            .status();
        if !modules.is_ok_and(|status| status.success()) {
            eprintln!("{python} has no torch and safetensors: ours is timed alone.");
            return Ok(None);
        }
        let mut child = Command::new(python)
            .args(["-u", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("Could not start Python")?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("Python cannot be spoken to");
        };
        let mut torch = Self {
            child,
            orders,
            answers: BufReader::new(answers),
            version: String::new(),
            threads,
        };
        let answer = torch.answer()?;
        torch.version = answer["torch"].as_str().unwrap_or("unknown").to_owned();
        Ok(Some(torch))
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The shortest time of a pass, seconds.
    pub(crate) fn seconds(&mut self, order: &Order<'_>) -> Result<f64> {
        let mut line = json!({
            "kind": order.kind,
            "weights": order.weights,
            "seconds": order.seconds,
            "threads": self.threads,
            "output": order.output,
        });
        if let (Some(line), Some(more)) = (line.as_object_mut(), order.more.as_object()) {
            line.extend(more.clone());
        }
        writeln!(self.orders, "{line}").context("Python has gone")?;
        let answer = self.answer()?;
        answer["seconds"]
            .as_f64()
            .context("Python gave no time; see its message above")
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).context("Python gave no answer; see its message above")
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It ends by itself when nothing more can come.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The largest difference between our output and the one in PyTorch's file, as a part of the largest value.
pub(crate) fn difference(ours: &Tensor, file: &Path) -> Result<f32> {
    let theirs = candle_core::safetensors::load(file, &Device::Cpu)?;
    let theirs = theirs.get("y").context("no output in the file")?;
    let largest = |x: &Tensor| -> Result<f32> { Ok(x.abs()?.max_all()?.to_scalar::<f32>()?) };
    Ok(largest(&(ours - theirs)?)? / largest(theirs)?)
}
