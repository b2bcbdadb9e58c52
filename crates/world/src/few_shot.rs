//! Word-to-word tasks told by examples alone: the same adjective goes to its opposite, its comparative or its name in
//! the old tongue (Todd et al. 2023, arXiv 2310.15213, ask the same of large models).

use crate::draw::Draw;
use crate::lexicon::{ADJECTIVES, COMPARATIVES, OLD_TONGUE};
use crate::sentence::{Sentence, weight};

/// What the pairs have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Opposite,
    Comparative,
    OldTongue,
}

impl Task {
    pub const ALL: [Task; 3] = [Task::Opposite, Task::Comparative, Task::OldTongue];

    /// In words, for tables.
    pub fn name(self) -> &'static str {
        match self {
            Task::Opposite => "opposite",
            Task::Comparative => "comparative",
            Task::OldTongue => "old tongue",
        }
    }

    /// What adjective number `index` goes to.
    pub fn apply(self, index: usize) -> &'static str {
        match self {
            Task::Opposite => ADJECTIVES[index ^ 1],
            Task::Comparative => COMPARATIVES[index],
            Task::OldTongue => OLD_TONGUE[index],
        }
    }
}

/// `examples` pairs and a question: `Pairs: hot cold, big small, old` and then `new`.
///
/// The answer is the last one's; the others can be foreseen too, from the second pair on.
pub fn say(task: Task, examples: usize, draw: &mut Draw) -> Sentence {
    let mut sentence = Sentence::default();
    sentence.push_all("Pairs:");
    let chosen = draw.distinct(ADJECTIVES.len(), examples + 1);
    for (place, index) in chosen.iter().enumerate() {
        if place > 0 {
            sentence.push(",", weight::TEMPLATE);
        }
        let asked = place == examples;
        sentence.push(ADJECTIVES[*index], weight::FREE).subject = asked;
        let worth = if place == 0 {
            weight::FREE
        } else {
            weight::FORESEEABLE
        };
        sentence.push(task.apply(*index), worth).answer = asked;
    }
    sentence.push(".", weight::TEMPLATE);
    sentence
}

/// Pairs for training.
pub fn sentence(draw: &mut Draw) -> Sentence {
    let task = *draw.pick(&Task::ALL);
    let examples = draw.between(2, 5);
    say(task, examples, draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposites_are_mutual() {
        for (index, adjective) in ADJECTIVES.into_iter().enumerate() {
            assert_ne!(Task::Opposite.apply(index), adjective);
            assert_eq!(Task::Opposite.apply(index ^ 1), adjective);
        }
    }

    #[test]
    fn a_question_stands_behind_its_examples() {
        let sentence = say(Task::OldTongue, 2, &mut Draw::new(1));
        let (prompt, answer) = sentence.question().expect("has an answer");
        assert_eq!(prompt.matches(',').count(), 2);
        assert!(OLD_TONGUE.contains(&answer.trim()));
        assert_eq!(sentence.text(), format!("{prompt}{answer}."));
    }
}
