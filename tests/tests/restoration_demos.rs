//! The bundled restoration networks open as any file does, and restore the bundled pictures.
#![allow(clippy::print_stdout, reason = "the table is worth having in the log")]

use whyfinder_experiment::picture::read_picture;
use whyfinder_model::network::demo::NETWORK_DEMOS;
use whyfinder_model::network::open_network;
use whyfinder_model::{OpenOptions, network::ImageModel};
use whyfinder_world::pictures::{Picture, bundled};
use whyfinder_world::restoration::Demo;
use whyfinder_world::restoration::score::{Score, score, table};

/// What a super-resolver must gain over bicubic interpolation, on leaves and on scenes, dB.
const LEAST_GAIN: f64 = 1.0;

/// Mean PSNR of a published FFDNet on leaves and on scenes, dB, by `make_denoise_yardstick.py`, and how far `denoise`
/// may be behind.
const FFDNET_CUT: [f64; 2] = [25.83, 26.30];
const FFDNET_UNCUT: [f64; 2] = [28.21, 27.07];
const MOST_BEHIND: f64 = 1.0;

fn pictures() -> Vec<(String, Picture)> {
    bundled::names()
        .into_iter()
        .map(|name| {
            let read = read_picture(&format!("picture:{name}")).expect("a bundled picture");
            (name, read.picture)
        })
        .collect()
}

fn opened(demo: Demo) -> Option<ImageModel> {
    let bundled = NETWORK_DEMOS.iter().any(|d| d.name == demo.name());
    bundled.then(|| {
        let reference = format!("demo:{}", demo.name());
        open_network(&reference, &OpenOptions::default()).expect("a bundled network opens")
    })
}

/// Scores on what a network is given, `(leaves, scenes)` by turns.
fn scored(demo: Demo) -> Vec<(Vec<Score>, Vec<Score>)> {
    let Some(open) = opened(demo) else {
        panic!("demo:{} is not bundled", demo.name());
    };
    let all = score(demo, &open.network, &pictures()).expect("restores");
    let parted = all.into_iter().map(|(given, scores)| {
        println!("demo:{}, {given}\n{}", demo.name(), table(&scores));
        assert!(scores.iter().all(|s| s.after > s.before), "{scores:?}");
        let leaves = |s: &Score| s.picture.starts_with("leaves");
        let (leaves, scenes): (Vec<_>, Vec<_>) = scores.into_iter().partition(leaves);
        assert_eq!((leaves.len(), scenes.len()), (8, 8));
        (leaves, scenes)
    });
    parted.collect()
}

fn mean(scores: &[Score], of: impl Fn(&Score) -> f64) -> f64 {
    scores.iter().map(of).sum::<f64>() / scores.len() as f64
}

fn enlarges(demo: Demo) {
    for (leaves, scenes) in scored(demo) {
        for scores in [leaves, scenes] {
            let gain = mean(&scores, |s| s.after - s.before);
            assert!(gain >= LEAST_GAIN, "{gain}");
        }
    }
}

#[test]
fn the_local_super_resolver_beats_interpolation() {
    enlarges(Demo::SrLocal);
}

#[test]
fn the_super_resolver_with_channel_attention_beats_interpolation() {
    enlarges(Demo::SrChannel);
}

#[test]
fn the_super_resolver_with_window_attention_beats_interpolation() {
    enlarges(Demo::SrWindow);
}

#[test]
fn the_denoiser_is_at_most_a_decibel_behind_a_published_one_with_either_noise() {
    let all = scored(Demo::Denoise);
    for ((leaves, scenes), published) in all.iter().zip([FFDNET_CUT, FFDNET_UNCUT]) {
        for (scores, published) in [leaves, scenes].into_iter().zip(published) {
            let behind = published - mean(scores, |s| s.after);
            assert!(behind <= MOST_BEHIND, "{behind}");
        }
    }
    assert_eq!(all.len(), 2);
}

#[test]
fn bundled_pictures_are_what_the_generator_draws() {
    let drawn = bundled::draw_all();
    let kept = pictures();
    assert_eq!(drawn.len(), kept.len());
    for ((name, drawn), (_, kept)) in drawn.iter().zip(&kept) {
        assert_eq!((drawn.width, drawn.height), (kept.width, kept.height));
        // Sines and powers may differ in their last bit from one machine to the next.
        let off = drawn.rgb.iter().zip(&kept.rgb);
        let off = off.filter(|(a, b)| a.abs_diff(**b) > 1).count();
        assert!(off * 1000 < drawn.rgb.len(), "{name}: {off} values differ");
    }
}

#[test]
fn bundled_networks_take_six_megabytes_at_most() {
    let bytes: usize = NETWORK_DEMOS.iter().map(|demo| demo.weights.len()).sum();
    assert!(bytes <= 6_000_000, "{bytes} bytes");
}
