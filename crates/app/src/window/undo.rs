//! Undo and redo over what the person asked.

use super::question::Question;

/// Questions before and after the one on screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct UndoSteps {
    past: Vec<Question>,
    future: Vec<Question>,
    /// The prompt is being typed: its letters are one step.
    typing: bool,
}

const STEPS: usize = 200;

impl UndoSteps {
    /// Notes `before`, which a change is about to replace.
    pub(crate) fn note(&mut self, before: &Question, typing: bool) {
        self.future.clear();
        if typing && self.typing {
            return;
        }
        self.typing = typing;
        self.past.push(before.clone());
        if self.past.len() > STEPS {
            self.past.remove(0);
        }
    }

    /// The question before the last step.
    pub(crate) fn last(&self) -> Option<&Question> {
        self.past.last()
    }

    /// Ends a stretch of typing, so that the next letter starts a step of its own.
    pub(crate) fn pause(&mut self) {
        self.typing = false;
    }

    /// The question before `now`.
    pub(crate) fn undo(&mut self, now: &Question) -> Option<Question> {
        self.typing = false;
        let before = self.past.pop()?;
        self.future.push(now.clone());
        Some(before)
    }

    /// The question that the last undo left.
    pub(crate) fn redo(&mut self, now: &Question) -> Option<Question> {
        self.typing = false;
        let after = self.future.pop()?;
        self.past.push(now.clone());
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(prompt: &str) -> Question {
        Question {
            prompt: prompt.into(),
            ..Question::default()
        }
    }

    #[test]
    fn typing_is_one_step_and_undo_goes_both_ways() {
        let mut steps = UndoSteps::default();
        let (a, ab, abc) = (asking("a"), asking("ab"), asking("abc"));
        steps.note(&a, true);
        steps.note(&ab, true);
        assert_eq!(steps.undo(&abc), Some(a.clone()));
        assert_eq!(steps.undo(&a), None);
        assert_eq!(steps.redo(&a), Some(abc.clone()));
        assert_eq!(steps.redo(&abc), None);
    }

    #[test]
    fn a_change_forgets_what_was_undone() {
        let mut steps = UndoSteps::default();
        let (a, b, c) = (asking("a"), asking("b"), asking("c"));
        steps.note(&a, false);
        assert_eq!(steps.undo(&b), Some(a.clone()));
        steps.note(&a, false);
        assert_eq!(steps.redo(&c), None);
    }
}
