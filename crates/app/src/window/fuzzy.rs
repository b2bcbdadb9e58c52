//! Finding a command by a few of its letters.

/// How well `label` answers `query`: higher is better, `None` if its letters are not there in order.
///
/// Letters at the start of a word and letters in a row count more; an empty query answers everything equally.
pub(crate) fn score(query: &str, label: &str) -> Option<i32> {
    let query: Vec<char> = query
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let label: Vec<char> = label.chars().flat_map(char::to_lowercase).collect();
    let mut from = 0;
    let mut total = 0;
    let mut last: Option<usize> = None;
    for (n, letter) in query.iter().enumerate() {
        let starts_word = |i: usize| i == 0 || !label[i - 1].is_alphanumeric();
        let candidates = (from..label.len()).filter(|&i| label[i] == *letter);
        let rest = &query[n + 1..];
        let place = candidates
            .filter(|&i| contains_in_order(&label[i + 1..], rest))
            .max_by_key(|&i| {
                let in_a_row = last.is_some_and(|l| l + 1 == i);
                (in_a_row, starts_word(i), std::cmp::Reverse(i))
            })?;
        if last.is_some_and(|l| l + 1 == place) {
            total += 4;
        }
        if starts_word(place) {
            total += 6;
        }
        total -= i32::try_from(place - from).unwrap_or(i32::MAX).min(8) / 2;
        last = Some(place);
        from = place + 1;
    }
    Some(total)
}

fn contains_in_order(label: &[char], letters: &[char]) -> bool {
    let mut label = label.iter();
    letters.iter().all(|l| label.any(|c| c == l))
}

/// Indices of the labels that answer `query`, best first; ties keep their order.
pub(crate) fn ranked<'a>(query: &str, labels: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut found: Vec<(i32, usize)> = labels
        .enumerate()
        .filter_map(|(i, label)| Some((score(query, label)?, i)))
        .collect();
    found.sort_by_key(|&(score, i)| (std::cmp::Reverse(score), i));
    found.into_iter().map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(query: &str) -> Option<&'static str> {
        let labels = [
            "Run the prompt",
            "Reset the layout",
            "Copy the numbers of the map",
            "Head 5.3",
            "Head 3.5",
            "Scene: A tower and its city",
        ];
        ranked(query, labels.into_iter())
            .first()
            .map(|&i| labels[i])
    }

    #[test]
    fn a_few_letters_find_the_command() {
        assert_eq!(best("rl"), Some("Reset the layout"));
        assert_eq!(best("head 5.3"), Some("Head 5.3"));
        assert_eq!(best("h3.5"), Some("Head 3.5"));
        assert_eq!(best("numbers"), Some("Copy the numbers of the map"));
        assert_eq!(best("tower"), Some("Scene: A tower and its city"));
        assert_eq!(best("xyz"), None);
    }

    #[test]
    fn an_empty_query_keeps_the_order() {
        assert_eq!(ranked("", ["b", "a"].into_iter()), [0, 1]);
        assert_eq!(ranked(" ", ["b", "a"].into_iter()), [0, 1]);
    }

    #[test]
    fn letters_of_any_script_are_letters() {
        assert!(score("στ", "Άστυ").is_some());
        assert!(score("ż", "Łódź i Żory").is_some());
    }
}
