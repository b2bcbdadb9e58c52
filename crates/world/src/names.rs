//! Names of towers, rivers, dishes and people.
//!
//! Most names are built from parts that many names share, so that only all parts together say which one is meant: a
//! network can know the thing only where it has read the last part. A few names have parts of their own; there the
//! first part says it all. Every part is one token.

use crate::draw::Draw;
use crate::lexicon;

/// Parts in order of their place in the name.
type Grid = &'static [&'static [&'static str]];

/// The inner parts of towers and dishes: any two of them in either order, so that also their order counts.
const INNER_PARTS: &[&str] = &["do", "mi", "su", "ka", "ren", "lith"];
const TOWER_PARTS: Grid = &[&["Bal", "Cor", "Fen", "Tar"], INNER_PARTS, INNER_PARTS];
const RIVER_PARTS: Grid = &[
    &[
        "Sel", "Mar", "Dov", "Kin", "Lun", "Pas", "Ver", "Hod", "Jun",
    ],
    &["ga", "ne", "tis", "mor", "ku", "del", "ban", "rix", "so"],
];
const DISH_PARTS: Grid = &[&["Pom", "Zub", "Gar"], INNER_PARTS, INNER_PARTS];
const SURNAME_PARTS: Grid = &[&["Hag", "Lom"], &["ri", "no"], &["sen", "vik"]];

const OWN_TOWERS: [[&str; 2]; 6] = [
    ["Bex", "zul"],
    ["Cuj", "wom"],
    ["Dax", "pib"],
    ["Fyl", "gud"],
    ["Gwo", "hef"],
    ["Hib", "jok"],
];
const OWN_RIVERS: [[&str; 2]; 6] = [
    ["Jyx", "lup"],
    ["Kev", "mab"],
    ["Lyd", "nif"],
    ["Myr", "pog"],
    ["Nuz", "kec"],
    ["Pef", "ruv"],
];
const OWN_DISHES: [[&str; 2]; 6] = [
    ["Quf", "sib"],
    ["Rop", "tuj"],
    ["Syl", "vob"],
    ["Tez", "waf"],
    ["Vuk", "yam"],
    ["Wog", "zem"],
];

/// A name and the tokens that it is meant to split into.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// As written, without a leading space.
    pub text: String,
    /// The parts in order, without the leading space; together with that of a given name they are the tokens.
    pub parts: Vec<String>,
    /// Whether its parts occur in other names too.
    pub shared: bool,
}

impl Name {
    fn of(parts: &[&str], shared: bool) -> Self {
        Self {
            text: parts.concat(),
            parts: parts.iter().map(|p| (*p).to_string()).collect(),
            shared,
        }
    }
}

/// Everybody and everything that has a name of several tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    pub towers: Vec<Name>,
    pub rivers: Vec<Name>,
    pub dishes: Vec<Name>,
    /// Given name and surname.
    pub people: Vec<Name>,
}

/// How many of the names that the parts allow are used: dense enough that no two parts of three identify one.
const TOWERS: usize = 90;
const RIVERS: usize = 72;
const DISHES: usize = 72;
const PEOPLE: usize = 64;

impl Names {
    pub fn new(draw: &mut Draw) -> Self {
        let mut people = Vec::new();
        for given in lexicon::WOMEN[..6].iter().chain(&lexicon::MEN[..6]) {
            for surname in grid(SURNAME_PARTS) {
                let mut parts = vec![*given];
                parts.extend(&surname);
                people.push(Name {
                    text: format!("{given} {}", surname.concat()),
                    ..Name::of(&parts, true)
                });
            }
        }
        draw.shuffle(&mut people);
        people.truncate(PEOPLE);
        Self {
            towers: some_of(TOWER_PARTS, TOWERS, &OWN_TOWERS, draw),
            rivers: some_of(RIVER_PARTS, RIVERS, &OWN_RIVERS, draw),
            dishes: some_of(DISH_PARTS, DISHES, &OWN_DISHES, draw),
            people,
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Name> {
        self.towers
            .iter()
            .chain(&self.rivers)
            .chain(&self.dishes)
            .chain(&self.people)
    }
}

fn some_of(parts: Grid, count: usize, own: &[[&str; 2]], draw: &mut Draw) -> Vec<Name> {
    let mut names: Vec<Name> = grid(parts).iter().map(|p| Name::of(p, true)).collect();
    draw.shuffle(&mut names);
    names.truncate(count);
    names.extend(own.iter().map(|p| Name::of(p, false)));
    draw.shuffle(&mut names);
    names
}

/// Every combination of one part for each place, none of them twice in a name.
fn grid(parts: Grid) -> Vec<Vec<&'static str>> {
    parts.iter().fold(vec![Vec::new()], |names, choices| {
        names
            .iter()
            .flat_map(|name| {
                choices
                    .iter()
                    .filter(|part| !name.contains(part))
                    .map(|part| {
                        let mut longer = name.clone();
                        longer.push(*part);
                        longer
                    })
            })
            .collect()
    })
}

/// Every part that opens a word (written behind a space) and every part inside one.
pub fn parts() -> (Vec<&'static str>, Vec<&'static str>) {
    let (mut opening, mut inner) = (Vec::new(), Vec::new());
    for parts in [TOWER_PARTS, RIVER_PARTS, DISH_PARTS, SURNAME_PARTS] {
        for (place, choices) in parts.iter().enumerate() {
            if place == 0 { &mut opening } else { &mut inner }.extend(choices.iter());
        }
    }
    for own in OWN_TOWERS.iter().chain(&OWN_RIVERS).chain(&OWN_DISHES) {
        opening.push(own[0]);
        inner.push(own[1]);
    }
    (opening, inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_same_seed_gives_the_same_names_and_no_name_twice() {
        let names = Names::new(&mut Draw::new(1));
        assert_eq!(names, Names::new(&mut Draw::new(1)));
        assert_ne!(names, Names::new(&mut Draw::new(2)));
        let mut texts: Vec<_> = names.all().map(|n| &n.text).collect();
        let before = texts.len();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), before);
    }

    #[test]
    fn a_shared_part_never_identifies_and_an_own_part_always_does() {
        let names = Names::new(&mut Draw::new(1));
        let mut count: HashMap<&str, usize> = HashMap::new();
        for name in names.all() {
            for part in &name.parts {
                *count.entry(part).or_default() += 1;
            }
        }
        for name in names.all() {
            for part in &name.parts {
                let times = count[part.as_str()];
                assert!(
                    if name.shared { times >= 2 } else { times == 1 },
                    "{part} of {} occurs in {times} names",
                    name.text
                );
            }
        }
    }
}
