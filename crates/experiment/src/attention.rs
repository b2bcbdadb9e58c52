//! Attention of one layer without its pattern: what any part of the pattern can be computed from.
//!
//! A pattern grows with the square of the tokens (32 layers of 32 heads at 4 096 tokens: 64 GiB); queries and keys grow
//! with the tokens alone.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ExperimentError;

/// What turns queries and keys into weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionForm {
    /// Multiplies queries times keys.
    pub scale: f32,
    /// `cap * tanh(scores / cap)`, before the mask.
    pub softcap: Option<f32>,
    /// A query sees this many keys back, its own included.
    pub window: Option<usize>,
    /// This many tokens at the start see each other whatever their order and the window; 0 where attention is causal
    /// throughout.
    pub prefix: usize,
}

impl AttentionForm {
    /// The keys that a query sees; all others have weight 0.
    pub fn seen(&self, query: usize) -> Range<usize> {
        let back = self
            .window
            .map_or(0, |window| (query + 1).saturating_sub(window));
        let first = if query < self.prefix { 0 } else { back };
        first..self.end(query)
    }

    /// The first key that comes too late for a query. Keys before it that a window hides count as weights of 0.
    pub fn end(&self, query: usize) -> usize {
        if query < self.prefix {
            self.prefix
        } else {
            query + 1
        }
    }
}

/// Sizes of one layer's attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionSizes {
    pub tokens: usize,
    pub heads: usize,
    /// Heads of keys; each serves `heads / groups` heads of queries.
    pub groups: usize,
    /// Dimensions of a query.
    pub width: usize,
}

impl AttentionSizes {
    /// Cells along each side of a level: each covers `2^level` tokens, the last one what is left.
    pub fn side(&self, level: u32) -> usize {
        self.tokens.div_ceil(1 << level.min(63))
    }

    /// The finest level whose overview has at most [`AttentionRecord::OVERVIEW`] cells along each side.
    pub fn overview_level(&self) -> u32 {
        (0..63)
            .find(|&level| self.side(level) <= AttentionRecord::OVERVIEW)
            .unwrap_or(63)
    }

    /// Values that a record of this size holds.
    pub fn record_values(&self) -> usize {
        let mut side = self.side(self.overview_level());
        let mut overview = 2 * side * side;
        while side > AttentionRecord::SMALLEST {
            side = side.div_ceil(2);
            overview += 2 * side * side;
        }
        self.tokens * (self.heads + self.groups) * self.width
            + 2 * self.heads * self.tokens
            + self.heads * overview
    }

    fn tokens_of(&self, level: u32, cell: usize) -> Range<usize> {
        let size = 1usize << level.min(62);
        (cell * size).min(self.tokens)..((cell + 1) * size).min(self.tokens)
    }
}

/// Mean and largest weight of square groups of weights, per head.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// A cell covers `2^level` queries and as many keys.
    pub level: u32,
    pub side: usize,
    /// `[heads, side, side]`, over the pairs whose key does not come too late; 0 where there are none.
    pub mean: Vec<f32>,
    /// `[heads, side, side]`; NaN where any of the weights is.
    pub max: Vec<f32>,
}

impl Overview {
    /// One head's cells, row-major; empty outside.
    pub fn head<'a>(&self, values: &'a [f32], head: usize) -> &'a [f32] {
        let cells = self.side * self.side;
        values.get(head * cells..(head + 1) * cells).unwrap_or(&[])
    }
}

/// One layer's queries, keys and normalisers, with overviews of its pattern.
///
/// The weight of a key for a query is `exp((s - top) - log_sum)` with `s` their score: `top + log_sum` is the row's
/// log-sum-exp, in two parts so that large scores lose no digits.
#[derive(Clone, Debug)]
pub struct AttentionRecord {
    id: u64,
    pub layer: usize,
    pub form: AttentionForm,
    pub sizes: AttentionSizes,
    /// After norm and rotation, `[tokens, heads, width]`.
    pub queries: Vec<f32>,
    /// `[tokens, groups, width]`.
    pub keys: Vec<f32>,
    /// Each row's largest score, `[heads, tokens]`.
    pub top: Vec<f32>,
    /// Logarithm of each row's sum of `exp(score - top)`, `[heads, tokens]`; NaN where the row has no softmax.
    pub log_sum: Vec<f32>,
    /// The finest first; each covers twice as many tokens per cell as the one before.
    overviews: Vec<Overview>,
}

/// What a record is made of; see there.
#[derive(Clone, Debug)]
pub struct RecordParts {
    pub layer: usize,
    pub form: AttentionForm,
    pub sizes: AttentionSizes,
    pub queries: Vec<f32>,
    pub keys: Vec<f32>,
    pub top: Vec<f32>,
    pub log_sum: Vec<f32>,
    /// Of [`AttentionSizes::overview_level`].
    pub mean: Vec<f32>,
    pub max: Vec<f32>,
}

impl PartialEq for AttentionRecord {
    fn eq(&self, other: &Self) -> bool {
        (self.layer, self.form, self.sizes) == (other.layer, other.form, other.sizes)
            && self.queries == other.queries
            && self.keys == other.keys
            && self.top == other.top
            && self.log_sum == other.log_sum
            && self.overviews == other.overviews
    }
}

impl AttentionRecord {
    /// Most cells along each side of the finest overview.
    pub const OVERVIEW: usize = 128;
    /// Coarser overviews stop here.
    const SMALLEST: usize = 8;

    /// # Errors
    /// If an array does not fit the sizes.
    pub fn new(parts: RecordParts) -> Result<Self, ExperimentError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let AttentionSizes {
            tokens,
            heads,
            groups,
            width,
        } = parts.sizes;
        let level = parts.sizes.overview_level();
        let side = parts.sizes.side(level);
        let product = |sizes: &[usize]| {
            sizes
                .iter()
                .try_fold(1usize, |n, &size| n.checked_mul(size))
        };
        let fits = |array: &[f32], sizes: &[usize]| product(sizes) == Some(array.len());
        let good = tokens > 0
            && groups > 0
            && heads.is_multiple_of(groups)
            && fits(&parts.queries, &[tokens, heads, width])
            && fits(&parts.keys, &[tokens, groups, width])
            && fits(&parts.top, &[heads, tokens])
            && fits(&parts.log_sum, &[heads, tokens])
            && fits(&parts.mean, &[heads, side, side])
            && fits(&parts.max, &[heads, side, side]);
        if !good {
            return Err(ExperimentError::invalid(format!(
                "The attention kept of layer {} has arrays that do not fit its {tokens} tokens and {heads} heads.",
                parts.layer
            )));
        }
        let mut record = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            layer: parts.layer,
            form: parts.form,
            sizes: parts.sizes,
            queries: parts.queries,
            keys: parts.keys,
            top: parts.top,
            log_sum: parts.log_sum,
            overviews: vec![Overview {
                level,
                side,
                mean: parts.mean,
                max: parts.max,
            }],
        };
        while let Some(finer) = record.overviews.last().filter(|o| o.side > Self::SMALLEST) {
            let coarser = record.halved(finer);
            record.overviews.push(coarser);
        }
        Ok(record)
    }

    /// Differs between any two records of this program's life: what a cache may know one by.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The finest first.
    pub fn overviews(&self) -> &[Overview] {
        &self.overviews
    }

    /// The finest overview. Its level is 0 where it holds every single weight.
    pub fn overview(&self) -> &Overview {
        &self.overviews[0]
    }

    /// Whether the overview holds every single weight.
    pub fn is_whole(&self) -> bool {
        self.overview().level == 0
    }

    /// Bytes of all arrays.
    pub fn bytes(&self) -> u64 {
        let overviews: usize = self
            .overviews
            .iter()
            .map(|o| o.mean.len() + o.max.len())
            .sum();
        let values = self.queries.len() + self.keys.len() + 2 * self.top.len() + overviews;
        4 * values as u64
    }

    /// A query of a head, `width` values; empty outside.
    pub fn query(&self, head: usize, token: usize) -> &[f32] {
        let AttentionSizes { heads, width, .. } = self.sizes;
        let start = (token * heads + head) * width;
        self.queries.get(start..start + width).unwrap_or(&[])
    }

    /// The key that a head sees at a token, `width` values; empty outside.
    pub fn key(&self, head: usize, token: usize) -> &[f32] {
        let AttentionSizes {
            heads,
            groups,
            width,
            ..
        } = self.sizes;
        let start = (token * groups + head / (heads / groups)) * width;
        self.keys.get(start..start + width).unwrap_or(&[])
    }

    /// The weight of one key for one query; 0 where the query does not see the key, NaN outside.
    pub fn weight(&self, head: usize, query: usize, key: usize) -> f32 {
        let AttentionSizes { tokens, heads, .. } = self.sizes;
        if head >= heads || query >= tokens || key >= tokens {
            return f32::NAN;
        }
        if !self.form.seen(query).contains(&key) {
            return 0.0;
        }
        let dot: f64 = self
            .query(head, query)
            .iter()
            .zip(self.key(head, key))
            .map(|(&q, &k)| f64::from(q) * f64::from(k))
            .sum();
        let score = dot * f64::from(self.form.scale);
        let score = match self.form.softcap.map(f64::from) {
            Some(cap) => cap * (score / cap).tanh(),
            None => score,
        };
        let row = head * tokens + query;
        ((score - f64::from(self.top[row])) - f64::from(self.log_sum[row])).exp() as f32
    }

    /// Pairs of a cell whose key does not come too late for its query: what a mean is taken over.
    pub fn pairs(&self, level: u32, row: usize, column: usize) -> usize {
        let keys = self.sizes.tokens_of(level, column);
        self.sizes
            .tokens_of(level, row)
            .map(|query| {
                self.form
                    .end(query)
                    .clamp(keys.start, keys.end.max(keys.start))
                    - keys.start
            })
            .sum()
    }

    fn halved(&self, finer: &Overview) -> Overview {
        let (level, side) = (finer.level + 1, finer.side.div_ceil(2));
        let cells = side * side;
        let mut mean = vec![0f32; self.sizes.heads * cells];
        let mut max = vec![0f32; self.sizes.heads * cells];
        for row in 0..side {
            for column in 0..side {
                let below: Vec<(usize, f32)> = (2 * row..(2 * row + 2).min(finer.side))
                    .flat_map(|y| {
                        (2 * column..(2 * column + 2).min(finer.side)).map(move |x| (y, x))
                    })
                    .map(|(y, x)| (y * finer.side + x, self.pairs(finer.level, y, x) as f32))
                    .collect();
                let pairs: f32 = below.iter().map(|b| b.1).sum();
                for head in 0..self.sizes.heads {
                    let (means, tops) =
                        (finer.head(&finer.mean, head), finer.head(&finer.max, head));
                    let sum: f32 = below.iter().map(|&(i, n)| means[i] * n).sum();
                    let top = below.iter().fold(0f32, |top, &(i, _)| {
                        // NaN goes up.
                        if tops[i] > top || tops[i].is_nan() {
                            tops[i]
                        } else {
                            top
                        }
                    });
                    let at = head * cells + row * side + column;
                    mean[at] = if pairs > 0.0 { sum / pairs } else { 0.0 };
                    max[at] = top;
                }
            }
        }
        Overview {
            level,
            side,
            mean,
            max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSAL: AttentionForm = AttentionForm {
        scale: 0.5,
        softcap: None,
        window: None,
        prefix: 0,
    };

    fn record(form: AttentionForm, tokens: usize) -> AttentionRecord {
        let sizes = AttentionSizes {
            tokens,
            heads: 2,
            groups: 1,
            width: 1,
        };
        let side = sizes.side(sizes.overview_level());
        AttentionRecord::new(RecordParts {
            layer: 0,
            form,
            sizes,
            queries: vec![1.0; tokens * 2],
            keys: vec![0.0; tokens],
            top: vec![0.0; 2 * tokens],
            log_sum: (0..2 * tokens)
                .map(|i| ((form.seen(i % tokens).len()) as f32).ln())
                .collect(),
            mean: vec![0.25; 2 * side * side],
            max: (0..2 * side * side).map(|i| i as f32).collect(),
        })
        .expect("arrays fit")
    }

    #[test]
    fn who_sees_whom() {
        let sliding = AttentionForm {
            window: Some(3),
            ..CAUSAL
        };
        let prefixed = AttentionForm {
            prefix: 4,
            ..sliding
        };
        assert_eq!(CAUSAL.seen(5), 0..6);
        assert_eq!(sliding.seen(5), 3..6);
        assert_eq!((sliding.seen(0), sliding.seen(1)), (0..1, 0..2));
        assert_eq!((prefixed.seen(0), prefixed.seen(3)), (0..4, 0..4));
        assert_eq!(prefixed.seen(4), 2..5);
    }

    #[test]
    fn single_weights_are_those_of_the_softmax() {
        let record = record(CAUSAL, 5);
        assert!((record.weight(1, 3, 2) - 0.25).abs() < 1e-6);
        assert_eq!(record.weight(1, 3, 4), 0.0);
        assert!(record.weight(2, 0, 0).is_nan());
    }

    #[test]
    fn coarser_overviews_keep_the_largest_and_the_mean() {
        let record = record(CAUSAL, 300);
        let levels: Vec<(u32, usize)> = record
            .overviews()
            .iter()
            .map(|o| (o.level, o.side))
            .collect();
        assert_eq!(levels, [(2, 75), (3, 38), (4, 19), (5, 10), (6, 5)]);
        let last = record.overviews().last().expect("there are some");
        assert_eq!(last.max[24], (75 * 75 - 1) as f32);
        for row in 0..5 {
            for column in 0..5 {
                let expected = if column > row { 0.0 } else { 0.25 };
                assert!((last.mean[row * 5 + column] - expected).abs() < 1e-6);
            }
        }
        let values: usize = record.bytes() as usize / 4;
        assert_eq!(values, record.sizes.record_values());
    }

    #[test]
    fn pairs_are_counted_up_to_the_last_that_comes_in_time() {
        let record = record(
            AttentionForm {
                prefix: 3,
                ..CAUSAL
            },
            7,
        );
        let count = |level: u32| -> usize {
            let side = record.sizes.side(level);
            (0..side * side)
                .map(|i| record.pairs(level, i / side, i % side))
                .sum()
        };
        // Three rows of three, then 4, 5, 6, 7.
        assert_eq!(count(0), 9 + 4 + 5 + 6 + 7);
        assert_eq!(count(1), count(0));
        assert_eq!(count(3), count(0));
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let good = record(CAUSAL, 4);
        let parts = RecordParts {
            layer: 3,
            form: CAUSAL,
            sizes: good.sizes,
            queries: good.queries.clone(),
            keys: good.keys.clone(),
            top: good.top.clone(),
            log_sum: vec![0.0],
            mean: good.overview().mean.clone(),
            max: good.overview().max.clone(),
        };
        let message = AttentionRecord::new(parts)
            .expect_err("too short")
            .to_string();
        assert!(message.contains("layer 3"), "{message}");
    }
}
