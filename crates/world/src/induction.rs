//! Repeated random sequences: what came after a word the first time comes after it again (Olsson et al. 2022,
//! arXiv 2209.11895).

use crate::draw::Draw;
use crate::lexicon;
use crate::sentence::{Sentence, weight};

/// Words in one copy, fewest and most.
pub const LENGTHS: (usize, usize) = (5, 22);

/// A random sequence of `length` words said twice. From the second word of the second copy on, every word is an
/// answer.
pub fn say(length: usize, draw: &mut Draw) -> Sentence {
    let pool = lexicon::sequence_pool();
    let words: Vec<&str> = (0..length).map(|_| *draw.pick(&pool)).collect();
    let mut sentence = Sentence::default();
    sentence.push_all("List:");
    for word in &words {
        sentence.push(word, weight::RANDOM);
    }
    for (place, word) in words.iter().enumerate() {
        let pushed = sentence.push(
            word,
            if place == 0 {
                weight::TEMPLATE
            } else {
                weight::FORESEEABLE
            },
        );
        pushed.answer = place > 0;
    }
    sentence
}

/// A sequence for training.
pub fn sentence(draw: &mut Draw) -> Sentence {
    let length = draw.between(LENGTHS.0, LENGTHS.1);
    say(length, draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_copy_is_the_first() {
        let mut draw = Draw::new(1);
        let words: Vec<String> = say(7, &mut draw)
            .words
            .into_iter()
            .map(|w| w.text)
            .collect();
        assert_eq!(words.len(), 2 + 14);
        assert_eq!(words[2..9], words[9..]);
    }
}
