//! Small sums: two numbers from 0 to 9.

use crate::draw::Draw;
use crate::lexicon::NUMBERS;
use crate::sentence::{Sentence, fill, weight};

/// Ways to say it.
pub const TEMPLATES: [&str; 3] = [
    "The sum of {a} and {b} is {answer}.",
    "If you take {a} and {b} you have {answer}.",
    "Every child knows that {a} plus {b} makes {answer}.",
];

/// Pairs that are never shown; their mirror images are.
fn held_out_pair(a: usize, b: usize) -> bool {
    a > b && (3 * a + b).is_multiple_of(5)
}

/// `a` plus `b`, said with template number `template`.
pub fn say(a: usize, b: usize, template: usize) -> Sentence {
    fill(
        TEMPLATES[template % TEMPLATES.len()],
        &[
            ("a", NUMBERS[a], weight::FREE),
            ("b", NUMBERS[b], weight::FREE),
            ("answer", NUMBERS[a + b], weight::ANSWER),
        ],
    )
}

/// A sum for training.
pub fn sentence(draw: &mut Draw) -> Sentence {
    loop {
        let (a, b) = (draw.below(10), draw.below(10));
        if !held_out_pair(a, b) {
            return say(a, b, draw.below(TEMPLATES.len()));
        }
    }
}

/// Every sum, shown (`false`) or held out (`true`), in every template.
pub fn all(held_out: bool) -> Vec<Sentence> {
    let mut sums = Vec::new();
    for a in 0..10 {
        for b in 0..10 {
            if held_out_pair(a, b) == held_out {
                sums.extend((0..TEMPLATES.len()).map(|t| say(a, b, t)));
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_out_sum_is_shown_the_other_way_round_only() {
        let mut count = 0;
        for a in 0..10 {
            for b in 0..10 {
                if held_out_pair(a, b) {
                    assert!(!held_out_pair(b, a));
                    count += 1;
                }
            }
        }
        assert!((5..=15).contains(&count), "{count}");
        let forbidden: Vec<String> = all(true).iter().map(Sentence::text).collect();
        let mut draw = Draw::new(1);
        for _ in 0..5_000 {
            assert!(!forbidden.contains(&sentence(&mut draw).text()));
        }
    }
}
