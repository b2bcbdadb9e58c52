//! A tail is the end of the whole.

use candle_core::{DType, Tensor};
use whyfinder_experiment::{Part, Site};

use super::{capture_all, close, patterns, setup};
use crate::tiny::{self, Draws};
use crate::{Capture, NoProbe, Pass, Past, Tail};

#[test]
fn a_tail_is_the_end_of_the_whole() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let kept = capture_all(&decoder, &tokens);
        let mut past = Past::of(&config);
        for rows in [0..1, 1..3] {
            let some = tokens.narrow(0, rows.start, rows.len()).expect("rows");
            decoder
                .forward(&some, &mut past, &Pass::default())
                .expect("runs");
        }
        for layer in 0..config.layers {
            let resid = kept.get(Site::block(layer, Part::ResidPre)).expect("kept");
            for start in [0, 1, 5, 8] {
                let rows = [2usize, 0];
                let index = Tensor::new(&[2u32, 0], decoder.device()).expect("a tensor");
                let whole = resid.index_select(&index, 0).expect("rows");
                let shift = Draws::new(3)
                    .tensor(&[2, 1, config.d_model], 1.0)
                    .expect("draws");
                let before = whole.narrow(1, 0, start).expect("fits");
                let after = whole.narrow(1, start + 1, 8 - start).expect("fits");
                let here = (whole.narrow(1, start, 1).expect("fits") + shift).expect("adds");
                let whole = Tensor::cat(&[&before, &here, &after], 1).expect("fits");
                let tail = Tail {
                    layer,
                    start,
                    resid_pre: whole.narrow(1, start, 9 - start).expect("fits"),
                    past: &past,
                    rows: &rows,
                };
                let sites: Vec<Site> = decoder
                    .sites()
                    .into_iter()
                    .filter(|site| site.layer == Some(config.layers - 1))
                    .collect();
                let run = |tail: Option<&Tail<'_>>, looking: bool| {
                    let mut seen = Capture::new(&patterns(if looking { &sites } else { &[] }));
                    let logits = match tail {
                        Some(tail) => decoder.forward_tail(tail, &mut seen, &Pass::default()),
                        None => {
                            let pass = Pass::default();
                            decoder.forward_from(layer, whole.clone(), &mut seen, &pass)
                        }
                    };
                    (logits.expect("runs"), seen)
                };
                let (expected, _) = run(None, true);
                let (got, seen) = run(Some(&tail), true);
                let end = expected.narrow(1, start, 9 - start).expect("fits");
                close(&got, &end, 2e-5, &config.architecture);
                // Sums over earlier keys and own ones are put together in another order where nobody looks.
                close(&got, &run(Some(&tail), false).0, 2e-5, "looking");
                let last = Site::block(config.layers - 1, Part::Pattern);
                let pattern = seen.get(last).expect("kept");
                assert_eq!(pattern.dims(), [2, config.heads, 9 - start, 9]);
                let expanded = Site::block(config.layers - 1, Part::KExpanded);
                let keys = seen.get(expanded).expect("kept");
                assert_eq!(keys.dims(), [2, 9, config.heads, config.d_head]);
            }
        }
        let tail = |start, rows| Tail {
            layer: 1,
            start,
            resid_pre: Tensor::zeros((1, 2, config.d_model), DType::F32, decoder.device())
                .expect("a tensor"),
            past: &past,
            rows,
        };
        let refused = |tail: &Tail<'_>, words: &str| {
            let error = decoder.forward_tail(tail, &mut NoProbe, &Pass::default());
            let message = error.expect_err("is refused").to_string();
            assert!(message.contains(words), "{message}");
        };
        refused(&tail(10, &[0]), "9 positions");
        refused(&tail(7, &[3]), "3 rows were kept");
        refused(&tail(7, &[0, 1]), "as many reference rows");
        let empty = Past::of(&config);
        refused(
            &Tail {
                past: &empty,
                ..tail(7, &[0])
            },
            "0 rows were kept",
        );
    }
}
