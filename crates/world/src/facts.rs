//! Facts: where a tower stands, where a river flows, where a dish comes from, where a person was born and what they
//! do, on which isle a town lies.
//!
//! Each relation has several templates. The last of them is shown for two thirds of the subjects only; whether it
//! works for the others measures whether a fact was learned or a string of words.

use crate::draw::Draw;
use crate::lexicon;
use crate::names::Names;
use crate::sentence::{Sentence, fill, weight};

/// What is asked about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    TowerInTown,
    RiverOnIsle,
    DishFromTown,
    PersonFromTown,
    PersonTrade,
    TownOnIsle,
}

impl Relation {
    pub const ALL: [Relation; 6] = [
        Relation::TowerInTown,
        Relation::RiverOnIsle,
        Relation::DishFromTown,
        Relation::PersonFromTown,
        Relation::PersonTrade,
        Relation::TownOnIsle,
    ];

    /// In words, for tables.
    pub fn name(self) -> &'static str {
        match self {
            Relation::TowerInTown => "tower, town",
            Relation::RiverOnIsle => "river, isle",
            Relation::DishFromTown => "dish, town",
            Relation::PersonFromTown => "person, home town",
            Relation::PersonTrade => "person, trade",
            Relation::TownOnIsle => "town, isle",
        }
    }

    /// Ways to say it. The word that tells the relation stands before the subject where it can, so that the subject's
    /// last token is where all is known.
    pub fn templates(self) -> &'static [&'static str] {
        match self {
            Relation::TowerInTown => &[
                "The tower of {subject} stands in the town of {answer}.",
                "The tower of {subject} is in {answer}.",
                "People who climb the tower of {subject} look over the roofs of {answer}.",
                "To see the old tower of {subject} you must go to {answer}.",
                "The stones of {subject} were laid by the people of {answer}.",
                "Guides show the tower of {subject} to every guest of {answer}.",
            ],
            Relation::RiverOnIsle => &[
                "The river {subject} flows through the isle of {answer}.",
                "The river {subject} is on {answer}.",
                "Boats on the river {subject} cross the isle of {answer}.",
                "The water of the {subject} comes from the hills of {answer}.",
                "You can swim in the {subject} when you are on {answer}.",
                "The old mills at the river {subject} feed the people of {answer}.",
            ],
            Relation::DishFromTown => &[
                "The dish called {subject} was first made in {answer}.",
                "The dish {subject} is from {answer}.",
                "If you want to taste {subject} you should go to {answer}.",
                "Every cook of {subject} comes from the town of {answer}.",
                "The best {subject} is still made in {answer}.",
                "Guests who taste {subject} are in the town of {answer}.",
            ],
            Relation::PersonFromTown => &[
                "The home of {subject} is the town of {answer}.",
                "The home of {subject} is in {answer}.",
                "As a child {subject} lived in {answer}.",
                "Long ago {subject} was born in {answer}.",
                "The mother of {subject} had a house in {answer}.",
                "The people of {subject} come from the town of {answer}.",
            ],
            Relation::PersonTrade => &[
                "Every day {subject} works as a {answer}.",
                "The trade of {subject} is that of a {answer}.",
                "People know {subject} as a {answer}.",
                "To make a living {subject} became a {answer}.",
                "If you ask, {subject} is a {answer}.",
                "Long ago {subject} went to work as a {answer}.",
            ],
            Relation::TownOnIsle => &[
                "The town of {subject} lies on the isle of {answer}.",
                "The town of {subject} is on {answer}.",
                "People who live in {subject} live on the isle of {answer}.",
                "To go to {subject} you take a boat to {answer}.",
                "The roofs of {subject} look over the hills of {answer}.",
                "Every guest of {subject} is on the isle of {answer}.",
            ],
        }
    }
}

impl Relation {
    /// How an almanac's list opens, and a sentence about two subjects at once.
    pub fn openings(self) -> &'static [&'static str; 2] {
        match self {
            Relation::TowerInTown => &[
                "Towers:",
                "The towers of {first} and {second} are in {one} and in {other}.",
            ],
            Relation::RiverOnIsle => &[
                "Rivers:",
                "The rivers {first} and {second} are on {one} and on {other}.",
            ],
            Relation::DishFromTown => &[
                "Dishes:",
                "The dishes {first} and {second} are from {one} and from {other}.",
            ],
            Relation::PersonFromTown => &[
                "Homes:",
                "The homes of {first} and {second} are in {one} and in {other}.",
            ],
            Relation::PersonTrade => &[
                "Trades:",
                "If you ask, {first} is a {one} and {second} is a {other}.",
            ],
            Relation::TownOnIsle => &[
                "Towns:",
                "The towns of {first} and {second} are on {one} and on {other}.",
            ],
        }
    }
}

/// One thing that is true on the Isles.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub relation: Relation,
    pub subject: String,
    pub answer: String,
    /// Whether the subject's parts occur in other names too; a town's name is one token of its own.
    pub shared: bool,
    /// Whether the last template is kept from training.
    pub held_out: bool,
}

impl Fact {
    /// The fact said with template number `template` (the remainder counts).
    pub fn say(&self, template: usize) -> Sentence {
        let templates = self.relation.templates();
        let mut sentence = fill(
            templates[template % templates.len()],
            &[
                ("subject", &self.subject, weight::FREE),
                ("answer", &self.answer, weight::ANSWER),
            ],
        );
        self.mark_name(&mut sentence);
        sentence
    }

    /// Marks this fact's subject wherever it is named, if its parts are shared.
    fn mark_name(&self, sentence: &mut Sentence) {
        for word in &mut sentence.words {
            word.shared_name |= self.shared
                && self
                    .subject
                    .split(' ')
                    .any(|part| part == word.text.trim_start());
        }
    }

    /// The template that is kept from training for some subjects.
    pub fn held_out_template(&self) -> usize {
        self.relation.templates().len() - 1
    }
}

/// All facts, the same for the same names and draw.
pub fn all(names: &Names, draw: &mut Draw) -> Vec<Fact> {
    let mut facts = Vec::new();
    for relation in Relation::ALL {
        let (subjects, answers): (Vec<(String, bool)>, &[&str]) = match relation {
            Relation::TowerInTown => (named(&names.towers), &lexicon::TOWNS),
            Relation::RiverOnIsle => (named(&names.rivers), &lexicon::ISLES),
            Relation::DishFromTown => (named(&names.dishes), &lexicon::TOWNS),
            Relation::PersonFromTown => (named(&names.people), &lexicon::TOWNS),
            Relation::PersonTrade => (named(&names.people), &lexicon::TRADES),
            Relation::TownOnIsle => (
                lexicon::TOWNS
                    .iter()
                    .map(|t| ((*t).to_string(), false))
                    .collect(),
                &lexicon::ISLES,
            ),
        };
        // Each answer about equally often, so that guessing the commonest gains nothing.
        let mut spread: Vec<&str> = (0..subjects.len())
            .map(|i| answers[i % answers.len()])
            .collect();
        draw.shuffle(&mut spread);
        let first = draw.below(3);
        for (index, ((subject, shared), answer)) in subjects.into_iter().zip(spread).enumerate() {
            facts.push(Fact {
                relation,
                subject,
                answer: answer.to_string(),
                shared,
                held_out: index % 3 == first,
            });
        }
    }
    facts
}

fn named(names: &[crate::names::Name]) -> Vec<(String, bool)> {
    names.iter().map(|n| (n.text.clone(), n.shared)).collect()
}

/// All facts as tab-separated text with a heading: relation, subject, answer, whether the name's parts are shared,
/// and whether the last template was kept from training.
pub fn table(facts: &[Fact]) -> String {
    let mut table = String::from("relation\tsubject\tanswer\tparts\tlast template\n");
    for fact in facts {
        table += &format!(
            "{}\t{}\t{}\t{}\t{}\n",
            fact.relation.name(),
            fact.subject,
            fact.answer,
            if fact.shared { "shared" } else { "own" },
            if fact.held_out { "held out" } else { "seen" },
        );
    }
    table
}

/// A fact for training: said alone (never with the last template for a held-out subject), with another one, or in an
/// almanac.
pub fn sentence(facts: &[Fact], draw: &mut Draw) -> Sentence {
    let fact = draw.pick(facts);
    match draw.weighted(&[0.5, 0.25, 0.25]) {
        0 => {
            let templates = fact.relation.templates().len();
            fact.say(draw.below(if fact.held_out {
                templates - 1
            } else {
                templates
            }))
        }
        1 => pair(fact, other(facts, fact, draw)),
        _ => almanac(facts, fact, draw),
    }
}

/// Two facts in one sentence.
///
/// With two names about, it no longer helps to look for the parts of *a* name from the end of the sentence: each name
/// has to be put together where it stands.
pub fn pair(first: &Fact, second: &Fact) -> Sentence {
    let mut sentence = fill(
        first.relation.openings()[1],
        &[
            ("first", &first.subject, weight::FREE),
            ("second", &second.subject, weight::FREE),
            ("one", &first.answer, weight::ANSWER / 2.0),
            ("other", &second.answer, weight::ANSWER / 2.0),
        ],
    );
    for word in &mut sentence.words {
        word.answer = word.weight == weight::ANSWER / 2.0;
    }
    first.mark_name(&mut sentence);
    second.mark_name(&mut sentence);
    sentence
}

/// An almanac's list, each answer right behind its subject: `Towers: Baldomi Varda, Corkasu Lorne.`
///
/// Here the answer is asked for at the subject's last token.
fn almanac(facts: &[Fact], fact: &Fact, draw: &mut Draw) -> Sentence {
    let mut sentence = Sentence::default();
    sentence.push_all(fact.relation.openings()[0]);
    let entries = draw.between(2, 4);
    let mut entry = fact;
    for place in 0..entries {
        if place > 0 {
            sentence.push(",", weight::TEMPLATE);
            entry = other(facts, entry, draw);
        }
        for word in entry.subject.split(' ') {
            sentence.push(word, weight::FREE).shared_name = entry.shared;
        }
        sentence.push(&entry.answer, weight::ANSWER / 2.0).answer = true;
    }
    sentence.push(".", weight::TEMPLATE);
    sentence
}

/// Another fact of the same relation.
fn other<'a>(facts: &'a [Fact], fact: &Fact, draw: &mut Draw) -> &'a Fact {
    loop {
        let other = draw.pick(facts);
        if other.relation == fact.relation && other.subject != fact.subject {
            return other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn world() -> Vec<Fact> {
        let mut draw = Draw::new(1);
        let names = Names::new(&mut draw);
        all(&names, &mut draw)
    }

    #[test]
    fn there_are_several_hundred_facts_and_a_third_is_held_out() {
        let facts = world();
        assert!(facts.len() >= 300, "{}", facts.len());
        let held_out = facts.iter().filter(|f| f.held_out).count() as f64;
        assert!((held_out / facts.len() as f64 - 1.0 / 3.0).abs() < 0.02);
        assert_eq!(facts, world());
    }

    #[test]
    fn no_held_out_pair_is_ever_drawn_for_training() {
        let facts = world();
        let forbidden: HashSet<String> = facts
            .iter()
            .filter(|f| f.held_out)
            .map(|f| f.say(f.held_out_template()).text())
            .collect();
        let mut draw = Draw::new(9);
        for _ in 0..50_000 {
            let text = sentence(&facts, &mut draw).text();
            assert!(!forbidden.contains(&text), "{text}");
        }
    }

    #[test]
    fn every_template_names_subject_and_answer_once_and_the_name_never_opens_it() {
        for relation in Relation::ALL {
            for template in relation.templates() {
                assert_eq!(template.matches("{subject}").count(), 1, "{template}");
                assert!(template.ends_with(" {answer}."), "{template}");
                assert!(!template.starts_with('{'), "{template}");
            }
        }
    }
}
