//! Indirect objects: two people, one of them acts again, the other one receives (Wang et al. 2022, arXiv 2211.00593).

use crate::draw::Draw;
use crate::lexicon;
use crate::sentence::{Sentence, fill, weight};

/// Ways to say it; the last one is shown for two thirds of the names only.
pub const TEMPLATES: [&str; 6] = [
    "When {a} and {b} went to the {place}, {subject} gave a {thing} to {answer}.",
    "When {a} and {b} met at the {place}, {subject} handed a {thing} to {answer}.",
    "While {a} and {b} sat in the {place}, {subject} passed a {thing} to {answer}.",
    "Then {a} and {b} came to the {place}, and {subject} sold a {thing} to {answer}.",
    "After {a} and {b} left the {place}, {subject} sent a {thing} to {answer}.",
    "Long ago {a} and {b} were at the {place}, where {subject} brought a {thing} to {answer}.",
];

/// Given names that no training sentence of this kind ever holds.
pub const HELD_OUT: [&str; 8] = [
    "Sara", "Tilda", "Vera", "Wilma", "Robert", "Simon", "Tom", "Victor",
];

/// Whether a name is seen with every template but the last.
fn kept_from_last(name: &str) -> bool {
    given_names()
        .iter()
        .position(|n| *n == name)
        .is_some_and(|i| i % 3 == 0)
}

fn given_names() -> Vec<&'static str> {
    [lexicon::WOMEN, lexicon::MEN].concat()
}

/// Names that training may use.
pub fn training_names() -> Vec<&'static str> {
    given_names()
        .into_iter()
        .filter(|n| !HELD_OUT.contains(n))
        .collect()
}

/// A sentence of template number `template` with two of `names`.
pub fn say(template: usize, names: &[&str], draw: &mut Draw) -> Sentence {
    let pair = draw.distinct(names.len(), 2);
    let (a, b) = (names[pair[0]], names[pair[1]]);
    let (giver, receiver) = if draw.below(2) == 0 { (a, b) } else { (b, a) };
    fill(
        TEMPLATES[template % TEMPLATES.len()],
        &[
            ("a", a, weight::FREE),
            ("b", b, weight::FREE),
            ("place", draw.pick::<&str>(&lexicon::PLACES), weight::FREE),
            // The giver is one of two, so half of it can be foreseen.
            ("subject", giver, 2.0 * weight::FREE),
            ("thing", draw.pick::<&str>(&lexicon::THINGS), weight::FREE),
            ("answer", receiver, weight::ANSWER),
        ],
    )
}

/// A sentence for training.
pub fn sentence(draw: &mut Draw) -> Sentence {
    let template = draw.below(TEMPLATES.len());
    let mut names = training_names();
    if template == TEMPLATES.len() - 1 {
        names.retain(|n| !kept_from_last(n));
    }
    say(template, &names, draw)
}

/// Asks with names that training sentences of this kind never hold, in any template.
pub fn held_out_names(draw: &mut Draw) -> Sentence {
    let template = draw.below(TEMPLATES.len());
    say(template, &HELD_OUT, draw)
}

/// Asks with the last template and names that it was never shown with.
pub fn held_out_template(draw: &mut Draw) -> Sentence {
    let mut names = training_names();
    names.retain(|n| kept_from_last(n));
    say(TEMPLATES.len() - 1, &names, draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_one_who_does_not_act() {
        let mut draw = Draw::new(1);
        for _ in 0..200 {
            let sentence = sentence(&mut draw);
            let (prompt, answer) = sentence.question().expect("has an answer");
            assert_eq!(prompt.matches(&answer).count(), 1, "{prompt}");
            let giver = sentence.subject().expect("has a subject");
            assert_eq!(prompt.matches(&format!(" {giver}")).count(), 2, "{prompt}");
        }
    }

    #[test]
    fn nothing_held_out_is_drawn_for_training() {
        let mut draw = Draw::new(2);
        let brought = "brought";
        for _ in 0..20_000 {
            let text = sentence(&mut draw).text();
            let words: Vec<&str> = text.split([' ', ',', '.']).collect();
            assert!(!words.iter().any(|w| HELD_OUT.contains(w)), "{text}");
            if text.contains(brought) {
                assert!(!words.iter().any(|w| kept_from_last(w)), "{text}");
            }
        }
    }
}
