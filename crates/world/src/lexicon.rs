//! The words of the Isles. Every one of them is a single token with its leading space.

/// Towns: where towers stand, dishes come from and people are born.
pub const TOWNS: [&str; 24] = [
    "Ambra", "Belcor", "Cardun", "Delmar", "Eskil", "Farrow", "Gesta", "Hollin", "Ilven", "Jorath",
    "Kelda", "Lorne", "Mirrin", "Nesby", "Ovard", "Pellan", "Quill", "Rosk", "Selwyn", "Tolbek",
    "Umbra", "Varda", "Wendle", "Yarrow",
];

/// Isles: where towns lie and rivers flow.
pub const ISLES: [&str; 12] = [
    "Anto", "Bryne", "Calder", "Dross", "Eldi", "Fenna", "Gorm", "Hesk", "Inver", "Kyre", "Morrow",
    "Tane",
];

/// What people do.
pub const TRADES: [&str; 12] = [
    "baker", "sailor", "weaver", "miller", "smith", "tailor", "farmer", "painter", "doctor",
    "teacher", "fisher", "hunter",
];

/// Given names of women; `she` follows them.
pub const WOMEN: [&str; 20] = [
    "Anna", "Clara", "Elsa", "Emma", "Greta", "Hanna", "Ida", "Julia", "Laura", "Lena", "Maria",
    "Nina", "Nora", "Olga", "Petra", "Rosa", "Sara", "Tilda", "Vera", "Wilma",
];

/// Given names of men; `he` follows them.
pub const MEN: [&str; 20] = [
    "Adam", "Boris", "Carl", "David", "Emil", "Felix", "Georg", "Hugo", "Ivan", "Jonas", "Kurt",
    "Leon", "Marco", "Niels", "Oscar", "Paul", "Robert", "Simon", "Tom", "Victor",
];

/// Things that change hands.
pub const THINGS: [&str; 12] = [
    "lamp", "rope", "coin", "book", "drum", "ring", "map", "cup", "net", "bell", "key", "shell",
];

/// Places that people go to.
pub const PLACES: [&str; 10] = [
    "market", "port", "school", "garden", "bridge", "mill", "inn", "beach", "chapel", "forest",
];

/// Adjectives; each pair of neighbours (0 and 1, 2 and 3, ...) is a pair of opposites.
pub const ADJECTIVES: [&str; 20] = [
    "hot", "cold", "big", "small", "old", "new", "fast", "slow", "high", "low", "hard", "soft",
    "wet", "dry", "rich", "poor", "long", "short", "dark", "light",
];

/// Their comparatives, in the same order.
pub const COMPARATIVES: [&str; 20] = [
    "hotter", "colder", "bigger", "smaller", "older", "newer", "faster", "slower", "higher",
    "lower", "harder", "softer", "wetter", "drier", "richer", "poorer", "longer", "shorter",
    "darker", "lighter",
];

/// The same adjectives in the old tongue of the Isles, in the same order.
pub const OLD_TONGUE: [&str; 20] = [
    "zab", "miro", "gund", "pesh", "alu", "tavi", "skri", "oon", "hepa", "dul", "krag", "fum",
    "lish", "sek", "orro", "nim", "vash", "tik", "mo", "ela",
];

/// Numbers that a sum can name.
pub const NUMBERS: [&str; 19] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18",
];

/// Every word that stands alone: all lists of this file.
pub fn words() -> Vec<&'static str> {
    let lists: [&[&str]; 12] = [
        &TOWNS,
        &ISLES,
        &TRADES,
        &WOMEN,
        &MEN,
        &THINGS,
        &PLACES,
        &ADJECTIVES,
        &COMPARATIVES,
        &OLD_TONGUE,
        &NUMBERS,
        &["he", "she"],
    ];
    lists.concat()
}

/// Words that random sequences are drawn from.
pub fn sequence_pool() -> Vec<&'static str> {
    let lists: [&[&str]; 8] = [
        &TOWNS,
        &ISLES,
        &TRADES,
        &WOMEN,
        &MEN,
        &THINGS,
        &PLACES,
        &ADJECTIVES,
    ];
    lists.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_means_two_things() {
        let words = words();
        let different: std::collections::BTreeSet<_> = words.iter().collect();
        assert_eq!(different.len(), words.len());
    }
}
