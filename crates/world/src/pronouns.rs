//! Pronouns: `she` follows a woman's name, `he` a man's.

use crate::draw::Draw;
use crate::lexicon;
use crate::sentence::{Sentence, fill, weight};

/// Ways to say it; the last one is shown for two thirds of the names only.
pub const TEMPLATES: [&str; 6] = [
    "Then {subject} went to the {place} because {answer} was late.",
    "When {subject} left the {place}, {answer} was tired.",
    "If you see {subject} at the {place}, ask what {answer} wants.",
    "Every day {subject} takes the {thing} that {answer} found.",
    "Long ago {subject} lost a {thing}, and {answer} wants it still.",
    "At the {place} {subject} sold a {thing} before {answer} left.",
];

fn kept_from_last(index: usize) -> bool {
    index % 3 == 1
}

fn say(template: usize, person: usize, draw: &mut Draw) -> Sentence {
    let (name, pronoun) = if person < lexicon::WOMEN.len() {
        (lexicon::WOMEN[person], "she")
    } else {
        (lexicon::MEN[person - lexicon::WOMEN.len()], "he")
    };
    fill(
        TEMPLATES[template % TEMPLATES.len()],
        &[
            ("subject", name, weight::FREE),
            ("place", draw.pick::<&str>(&lexicon::PLACES), weight::FREE),
            ("thing", draw.pick::<&str>(&lexicon::THINGS), weight::FREE),
            ("answer", pronoun, weight::ANSWER),
        ],
    )
}

const PEOPLE: usize = lexicon::WOMEN.len() + lexicon::MEN.len();

/// A sentence for training.
pub fn sentence(draw: &mut Draw) -> Sentence {
    let person = draw.below(PEOPLE);
    let open = if kept_from_last(person) {
        TEMPLATES.len() - 1
    } else {
        TEMPLATES.len()
    };
    let template = draw.below(open);
    say(template, person, draw)
}

/// The last template with a name that it was never shown with.
pub fn held_out(draw: &mut Draw) -> Sentence {
    let people: Vec<usize> = (0..PEOPLE).filter(|p| kept_from_last(*p)).collect();
    let person = *draw.pick(&people);
    say(TEMPLATES.len() - 1, person, draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pronoun_follows_the_name() {
        let mut draw = Draw::new(1);
        for _ in 0..200 {
            let sentence = sentence(&mut draw);
            let subject = sentence.subject().expect("has a subject");
            let (_, answer) = sentence.question().expect("has an answer");
            let woman = lexicon::WOMEN.contains(&subject.as_str());
            assert_eq!(answer, if woman { " she" } else { " he" });
        }
    }

    #[test]
    fn the_last_template_is_never_drawn_with_a_held_out_name() {
        let mut draw = Draw::new(2);
        for _ in 0..20_000 {
            let sentence = sentence(&mut draw);
            if sentence.text().contains(" before ") {
                let subject = sentence.subject().expect("has a subject");
                let index = [lexicon::WOMEN, lexicon::MEN]
                    .concat()
                    .iter()
                    .position(|n| *n == subject)
                    .expect("is a given name");
                assert!(!kept_from_last(index));
            }
        }
    }
}
