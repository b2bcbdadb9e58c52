//! Which of many places to try first.

/// The places 0 to `count`, each once, so that any number of them lie all over: those of the van der Corput sequence.
pub fn spread(count: usize) -> impl Iterator<Item = usize> {
    let bits = usize::BITS - count.saturating_sub(1).leading_zeros();
    (0..1usize << bits)
        .map(move |i| match bits {
            0 => 0,
            bits => i.reverse_bits() >> (usize::BITS - bits),
        })
        .filter(move |&at| at < count)
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn any_few_places_lie_all_over() {
        for count in [1, 2, 7, 64, 100, 1000] {
            let mut all: Vec<usize> = spread(count).collect();
            if count >= 64 {
                let mut few = all[..8].to_vec();
                few.sort_unstable();
                for pair in few.windows(2) {
                    assert!(pair[1] - pair[0] <= count / 4, "{few:?} of {count}");
                }
            }
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count), "{count}");
        }
        assert_eq!(spread(0).count(), 0);
    }
}
