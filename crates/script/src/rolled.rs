//! Statements that repeat but for the numbers in their names, as loops.

/// Statements that one turn of a loop holds, at most.
const LONGEST: usize = 160;
/// Lines of a turn from which on a loop of two turns is shorter to read; shorter ones take three.
const LONG_TURN: usize = 8;

/// A part of a statement: text, or a number inside a string literal.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Number(usize),
}

/// Statements, each of one or more lines without indentation, with loops in place of repetitions.
pub(crate) fn rolled(mut statements: Vec<String>) -> Vec<String> {
    while let Some(found) = best(&statements) {
        let (first, next) = (found.start, found.start + found.period);
        let whole = first..first + found.period * found.turns;
        let text = as_loop(
            &statements[first..next],
            &statements[next..next + found.period],
            &found,
        );
        statements.splice(whole, [text]);
    }
    statements
}

#[derive(Clone, Debug)]
struct Repetition {
    start: usize,
    period: usize,
    turns: usize,
    step: usize,
}

/// The shortest turn that repeats, so that loops come to stand inside loops; of those the first.
fn best(statements: &[String]) -> Option<Repetition> {
    let parts: Vec<Vec<Part>> = statements.iter().map(|s| parts_of(s)).collect();
    let lines: Vec<usize> = statements.iter().map(|s| s.lines().count()).collect();
    (1..=LONGEST.min(statements.len() / 2)).find_map(|period| {
        (0..=statements.len() - 2 * period).find_map(|start| {
            let turn: usize = lines[start..start + period].iter().sum();
            let fewest = if turn < LONG_TURN { 3 } else { 2 };
            repeats(&parts, start, period).filter(|found| found.turns >= fewest)
        })
    })
}

/// How often the statements from `start` on come again, with which step of their numbers.
fn repeats(parts: &[Vec<Part>], start: usize, period: usize) -> Option<Repetition> {
    let step =
        (0..period).find_map(|i| step_between(&parts[start + i], &parts[start + period + i]))?;
    let mut turns = 1;
    while start + (turns + 1) * period <= parts.len()
        && (0..period).all(|i| {
            let first = &parts[start + i];
            follows(
                first,
                &parts[start + period + i],
                &parts[start + turns * period + i],
                step,
                turns,
            )
        })
    {
        turns += 1;
    }
    Some(Repetition {
        start,
        period,
        turns,
        step,
    })
}

fn step_between(first: &[Part], second: &[Part]) -> Option<usize> {
    if first.len() != second.len() {
        return None;
    }
    first.iter().zip(second).find_map(|pair| match pair {
        (Part::Number(a), Part::Number(b)) if b > a => Some(b - a),
        _ => None,
    })
}

/// Whether a statement is the first one with those numbers that change grown by so many steps.
fn follows(first: &[Part], second: &[Part], this: &[Part], step: usize, turns: usize) -> bool {
    first.len() == second.len()
        && first.len() == this.len()
        && first.iter().zip(second).zip(this).all(|trio| match trio {
            ((Part::Text(a), Part::Text(b)), Part::Text(c)) => a == b && a == c,
            ((Part::Number(a), Part::Number(b)), Part::Number(c)) => {
                (a == b && a == c) || (*b == a + step && *c == a + step * turns)
            }
            _ => false,
        })
}

/// The first turn and the next, which shows which numbers change.
fn as_loop(turn: &[String], next: &[String], found: &Repetition) -> String {
    let name = ["i", "j", "k", "l"]
        .into_iter()
        .find(|name| !turn.iter().any(|s| s.contains(&format!("for {name} in"))))
        .unwrap_or("m");
    let pairs: Vec<Vec<(Part, bool)>> = turn
        .iter()
        .zip(next)
        .map(|(this, next)| {
            let changed = |(this, next): (Part, Part)| {
                let changes = this != next;
                (this, changes)
            };
            parts_of(this)
                .into_iter()
                .zip(parts_of(next))
                .map(changed)
                .collect()
        })
        .collect();
    let first = pairs.iter().flatten().find_map(|pair| match pair {
        (Part::Number(n), true) => Some(*n),
        _ => None,
    });
    let first = first.unwrap_or(0);
    let end = first + found.turns * found.step;
    let range = match (first, found.step) {
        (0, 1) => format!("{end}"),
        (_, 1) => format!("{first}, {end}"),
        (_, step) => format!("{first}, {end}, {step}"),
    };
    let mut text = format!("for {name} in range({range}):");
    for statement in &pairs {
        let written: String = statement
            .iter()
            .map(|(part, changes)| match part {
                Part::Number(n) if !changes => n.to_string(),
                Part::Number(n) if *n == first => format!("{{{name}}}"),
                Part::Number(n) if *n > first => format!("{{{name} + {}}}", n - first),
                Part::Number(n) => format!("{{{name} - {}}}", first - n),
                Part::Text(part) => part.clone(),
            })
            .collect();
        for line in with_f_strings(&written).lines() {
            text.push_str("\n    ");
            text.push_str(line);
        }
    }
    text
}

/// `f` before each string literal that has braces and no `f` yet.
fn with_f_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, piece) in text.split('"').enumerate() {
        if i > 0 {
            if i % 2 == 1 && piece.contains('{') && !out.ends_with('f') {
                out.push('f');
            }
            out.push('"');
        }
        out.push_str(piece);
    }
    out
}

/// Numbers are those inside string literals, but not inside braces.
fn parts_of(statement: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut text, mut number) = (String::new(), String::new());
    let (mut quoted, mut braced) = (false, false);
    for c in statement.chars() {
        if quoted && !braced && c.is_ascii_digit() && number.len() < 9 {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            number.push(c);
            continue;
        }
        if let Ok(n) = number.parse() {
            parts.push(Part::Number(n));
            number.clear();
        }
        match c {
            '"' => quoted = !quoted,
            '{' => braced = true,
            '}' => braced = false,
            _ => {}
        }
        text.push(c);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_string).collect()
    }

    #[test]
    fn a_chain_becomes_a_loop_with_its_step() {
        let chain: String = (0..5)
            .map(|i| format!("x = conv(w, \"model.{}\", x)\nx = relu(x)\n", 2 * i + 2))
            .collect();
        let rolled = rolled(lines(&chain));
        assert_eq!(
            rolled,
            ["for i in range(2, 12, 2):\n    x = conv(w, f\"model.{i}\", x)\n    x = relu(x)"]
        );
    }

    #[test]
    fn loops_stand_in_loops() {
        let mut text = String::new();
        for group in 0..4 {
            text.push_str("y = x\n");
            for block in 0..3 {
                text.push_str(&format!(
                    "x = conv(w, \"body.{group}.{block}.c{}\", x)\n",
                    block + 1
                ));
            }
            text.push_str("x = x + y\n");
        }
        let rolled = rolled(lines(&text));
        assert_eq!(
            rolled.join("\n"),
            "for j in range(4):\n    y = x\n    for i in range(3):\n        \
             x = conv(w, f\"body.{j}.{i}.c{i + 1}\", x)\n    x = x + y"
        );
    }

    #[test]
    fn what_differs_in_more_than_names_stays_as_it_is() {
        let text = "x = f(\"a.0\", x, 0)\nx = f(\"a.1\", x, 4)\nx = f(\"a.2\", x, 8)\n";
        assert_eq!(rolled(lines(text)), lines(text));
    }
}
