//! The bundled restoration networks open as any file does, and restore the bundled pictures.
#![allow(clippy::print_stdout, reason = "the table is worth having in the log")]

use whyfinder_experiment::picture::read_picture;
use whyfinder_model::network::demo::NETWORK_DEMOS;
use whyfinder_model::network::open_network;
use whyfinder_model::{OpenOptions, network::ImageModel};
use whyfinder_world::pictures::{Picture, bundled};
use whyfinder_world::restoration::Demo;
use whyfinder_world::restoration::score::{gains, score, table};

/// What a network must gain on leaves and on scenes over bicubic interpolation, or over the noise, dB.
fn least_gain(demo: Demo) -> f64 {
    match demo {
        Demo::Denoise => 10.0,
        _ => 1.0,
    }
}

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

fn restores(demo: Demo) {
    let Some(open) = opened(demo) else {
        panic!("demo:{} is not bundled", demo.name());
    };
    let all = score(demo, &open.network, &pictures()).expect("restores");
    assert_eq!(all.len(), if demo == Demo::Denoise { 2 } else { 1 });
    for (given, scores) in all {
        println!("demo:{}, {given}\n{}", demo.name(), table(&scores));
        assert_eq!(scores.len(), 16);
        let (leaves, scenes) = gains(&scores);
        let least = least_gain(demo);
        assert!(
            leaves >= least && scenes >= least,
            "{given}: {leaves} {scenes}"
        );
        assert!(scores.iter().all(|s| s.after > s.before), "{scores:?}");
    }
}

#[test]
fn the_local_super_resolver_beats_interpolation() {
    restores(Demo::SrLocal);
}

#[test]
fn the_super_resolver_with_channel_attention_beats_interpolation() {
    restores(Demo::SrChannel);
}

#[test]
fn the_super_resolver_with_window_attention_beats_interpolation() {
    restores(Demo::SrWindow);
}

#[test]
fn the_denoiser_removes_most_of_the_noise() {
    restores(Demo::Denoise);
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
