//! A name that comes back: one person, named again where something goes to them.
//!
//! Every given name is shown so, also those that never stand in an indirect-object sentence; what those measure is
//! then whether the one who does not act is found, and not whether a name can be said at all.

use crate::draw::Draw;
use crate::lexicon;
use crate::sentence::{Sentence, fill, weight};

/// Ways to say it.
pub const TEMPLATES: [&str; 4] = [
    "If you see {subject} at the {place}, go to {answer}.",
    "When {subject} lost a {thing}, the people gave a {other} to {answer}.",
    "After {subject} left the {place}, the people sent a {thing} to {answer}.",
    "Then {subject} went to the {place}, where you sold a {thing} to {answer}.",
];

/// A sentence for training.
pub fn sentence(draw: &mut Draw) -> Sentence {
    let names = [lexicon::WOMEN, lexicon::MEN].concat();
    let name = *draw.pick(&names);
    let template = *draw.pick(&TEMPLATES);
    fill(
        template,
        &[
            ("subject", name, weight::FREE),
            ("place", draw.pick::<&str>(&lexicon::PLACES), weight::FREE),
            ("thing", draw.pick::<&str>(&lexicon::THINGS), weight::FREE),
            ("other", draw.pick::<&str>(&lexicon::THINGS), weight::FREE),
            ("answer", name, weight::ANSWER),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_only_name_there_is() {
        let mut draw = Draw::new(1);
        for _ in 0..200 {
            let sentence = sentence(&mut draw);
            let (prompt, answer) = sentence.question().expect("has an answer");
            let names = [lexicon::WOMEN, lexicon::MEN].concat();
            let named: Vec<&str> = names
                .into_iter()
                .filter(|n| prompt.contains(&format!(" {n}")))
                .collect();
            assert_eq!(named, [answer.trim()], "{prompt}");
        }
    }
}
