//! Where the runs of a branching history stand: the latest at the top, each branch in a lane of its own.

use std::collections::{HashMap, HashSet};

/// Lanes beyond this share the last.
const MOST: usize = 5;

/// A run's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into the list that was laid out.
    pub node: usize,
    pub lane: usize,
    /// Row and lane of the parent, further down.
    pub parent: Option<(usize, usize)>,
}

/// Lays out runs that are in the order of time, given by name and parent. The first child goes on in its parent's lane;
/// others begin lanes of their own.
pub fn lay_out(nodes: &[(&str, Option<&str>)]) -> Vec<Place> {
    let at: HashMap<&str, usize> = nodes.iter().enumerate().map(|(i, n)| (n.0, i)).collect();
    let mut lanes: Vec<usize> = Vec::with_capacity(nodes.len());
    let mut went_on: HashSet<usize> = HashSet::new();
    let mut next = 0;
    for (i, (_, parent)) in nodes.iter().enumerate() {
        let parent = parent.and_then(|p| at.get(p)).filter(|p| **p < i);
        let lane = match parent {
            Some(parent) if went_on.insert(*parent) => lanes[*parent],
            _ => {
                let lane = next;
                next += 1;
                lane
            }
        };
        lanes.push(lane);
    }
    let shown = |lane: usize| lane.min(MOST - 1);
    let last = nodes.len().saturating_sub(1);
    (0..nodes.len())
        .rev()
        .map(|i| Place {
            node: i,
            lane: shown(lanes[i]),
            parent: nodes[i]
                .1
                .and_then(|p| at.get(p))
                .filter(|p| **p < i)
                .map(|&p| (last - p, shown(lanes[p]))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_stays_in_one_lane_and_a_branch_leaves_it() {
        let nodes = [
            ("a", None),
            ("b", Some("a")),
            ("c", Some("b")),
            ("d", Some("a")),
            ("e", Some("d")),
            ("f", Some("gone")),
        ];
        let places = lay_out(&nodes);
        let told: Vec<_> = places
            .iter()
            .map(|p| (nodes[p.node].0, p.lane, p.parent))
            .collect();
        assert_eq!(
            told,
            [
                ("f", 2, None),
                ("e", 1, Some((2, 1))),
                ("d", 1, Some((5, 0))),
                ("c", 0, Some((4, 0))),
                ("b", 0, Some((5, 0))),
                ("a", 0, None),
            ]
        );
    }

    #[test]
    fn odd_parents_do_no_harm() {
        let places = lay_out(&[("a", Some("a")), ("b", Some("c")), ("c", Some("b"))]);
        assert_eq!(places.len(), 3);
        assert!(places.iter().filter(|p| p.parent.is_some()).count() <= 1);
        assert!(lay_out(&[]).is_empty());
    }
}
