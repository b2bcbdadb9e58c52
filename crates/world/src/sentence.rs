//! A sentence as the world makes it: words, how much each is worth learning, and which one is the answer.

/// How much predicting a token counts in the loss.
///
/// A name or a random word cannot be foreseen; what the sentence asks for can. Weighting them so is what lets
/// hundreds of facts be learned in minutes.
pub mod weight {
    /// The word that the sentence asks for.
    pub const ANSWER: f32 = 4.0;
    /// A word that can be foreseen from the sentence, without being what a scene asks for.
    pub const FORESEEABLE: f32 = 1.0;
    /// Words of a template.
    pub const TEMPLATE: f32 = 0.2;
    /// A name or another free choice.
    pub const FREE: f32 = 0.1;
    /// A word drawn at random.
    pub const RANDOM: f32 = 0.02;
}

/// One word with its punctuation mark as separate words.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// As written, its leading space included.
    pub text: String,
    /// See [`weight`]; of each of its tokens.
    pub weight: f32,
    /// Whether it belongs to the subject.
    pub subject: bool,
    /// Whether it belongs to a name that is built from parts of other names too; see [`crate::curtain`].
    pub shared_name: bool,
    /// Whether it is to be predicted when the sentence is a question.
    pub answer: bool,
}

/// Words in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sentence {
    pub words: Vec<Word>,
}

impl Sentence {
    /// Appends a word; a space goes before it unless it opens the sentence or is a punctuation mark.
    pub fn push(&mut self, text: &str, weight: f32) -> &mut Word {
        let glued = self.words.is_empty() || text.chars().all(|c| c.is_ascii_punctuation());
        self.words.push(Word {
            text: if glued {
                text.to_string()
            } else {
                format!(" {text}")
            },
            weight,
            subject: false,
            shared_name: false,
            answer: false,
        });
        let last = self.words.len() - 1;
        &mut self.words[last]
    }

    /// Appends the words of a template that are between blanks.
    pub fn push_all(&mut self, text: &str) {
        for word in text.split_whitespace() {
            let (word, mark) = match word.strip_suffix([',', '.', ':', ';']) {
                Some(rest) if !rest.is_empty() => (rest, word.get(rest.len()..)),
                _ => (word, None),
            };
            self.push(word, weight::TEMPLATE);
            if let Some(mark) = mark {
                self.push(mark, weight::TEMPLATE);
            }
        }
    }

    /// The whole text.
    pub fn text(&self) -> String {
        self.words.iter().map(|w| w.text.as_str()).collect()
    }

    /// The text before the first answer, and that answer with its leading space.
    pub fn question(&self) -> Option<(String, String)> {
        let at = self.words.iter().position(|w| w.answer)?;
        let prompt = self.words[..at].iter().map(|w| w.text.as_str()).collect();
        Some((prompt, self.words[at].text.clone()))
    }

    /// The subject's text without its leading space, if there is one.
    pub fn subject(&self) -> Option<String> {
        let text: String = self
            .words
            .iter()
            .filter(|w| w.subject)
            .map(|w| w.text.as_str())
            .collect();
        let text = text.trim_start().to_string();
        (!text.is_empty()).then_some(text)
    }
}

/// Fills a template: blanks stand in braces and are given by their name, as word and weight.
///
/// `{subject}` may hold several words; all are marked as the subject. `{answer}` marks the answer.
pub fn fill(template: &str, blanks: &[(&str, &str, f32)]) -> Sentence {
    let mut sentence = Sentence::default();
    for part in template.split_whitespace() {
        let Some((name, mark)) = part.strip_prefix('{').and_then(|p| p.split_once('}')) else {
            sentence.push_all(part);
            continue;
        };
        for (_, value, weight) in blanks.iter().filter(|b| b.0 == name) {
            for word in value.split_whitespace() {
                let pushed = sentence.push(word, *weight);
                pushed.subject = name == "subject";
                pushed.answer = name == "answer";
            }
        }
        if !mark.is_empty() {
            sentence.push(mark, weight::TEMPLATE);
        }
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_template_reads_as_a_sentence() {
        let sentence = fill(
            "When {subject} came, all of {answer}.",
            &[("subject", "Anna Lomrivik", 0.1), ("answer", "Varda", 4.0)],
        );
        assert_eq!(sentence.text(), "When Anna Lomrivik came, all of Varda.");
        assert_eq!(
            sentence.question(),
            Some(("When Anna Lomrivik came, all of".into(), " Varda".into()))
        );
        assert_eq!(sentence.subject().as_deref(), Some("Anna Lomrivik"));
    }
}
