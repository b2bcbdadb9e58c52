//! One pass with its inside kept, as a script.

use whyfinder_experiment::{Experiment, RunSettings};

use crate::answered::Answered;
use crate::error::ScriptError;
use crate::language::{Model, check_tokens, open, prompt};
use crate::program::Program;
use crate::sites;

pub(crate) fn write(
    program: &mut Program,
    experiment: &Experiment,
    run: &RunSettings,
    model: &Model,
    answered: Option<&Answered>,
) -> Result<(), ScriptError> {
    open(program, model);
    prompt(program, &experiment.input)?;
    check_tokens(program, answered);
    program.piece(model.family.modules());
    if let Some(projected) = model.family.projected_apart() {
        program.piece(projected);
    }
    program.piece(include_str!("../python/look_inside.py"));
    sites::write(program, &run.sites, model.family)?;
    if run.attention {
        program.flag("records");
        program.piece(include_str!("../python/attention_record.py"));
    }
    if run.top > 0 {
        program.flag("top");
        program.constant("TOP", run.top.to_string());
    }
    program.piece(include_str!("../python/top.py"));
    program.piece(include_str!("../python/field.py"));
    Ok(())
}
