use whyfinder_model::OpenOptions;
use whyfinder_model::network::open_network;

use super::*;

fn asked(model: &str, instrument: &str, overrides: &[&str]) -> Experiment {
    let text = format!(
        "instrument = \"{instrument}\"\nmodel = \"{model}\"\nseed = 1\n[input]\n\
         truth = \"picture:bricks\"\nregion = [96, 104, 24, 24]\n"
    );
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    parse_experiment(&text, &overrides).expect("a good experiment")
}

#[test]
fn the_bundled_networks_answer_every_relative() {
    for name in ["demo:sr-local", "demo:denoise"] {
        let model = open_network(name, &OpenOptions::default()).expect("opens");
        let lam = run(&model, &asked(name, "lam", &["lam.fold=8"]));
        let way = number(&lam, "detector") - number(&lam, "detector.baseline");
        assert!(number(&lam, "completeness").abs() < 0.5 * way.abs());
        assert!(number(&lam, "diffusion-index") > 0.1);
        let settings = [
            "integrated-gradients.detector=psnr",
            "integrated-gradients.steps=8",
        ];
        let integrated = run(&model, &asked(name, "integrated-gradients", &settings));
        let way = number(&integrated, "detector") - number(&integrated, "detector.baseline");
        assert!(number(&integrated, "completeness").abs() < 0.05 * way.abs());
        let gradient = run(
            &model,
            &asked(name, "gradient", &["gradient.detector=psnr"]),
        );
        // The output is within 0 to 1 but for rounding to 8 bits.
        let apart = number(&gradient, "detector") - number(&gradient, "psnr");
        assert!(apart.abs() < 0.05, "{apart}");
        let field_settings = ["receptive-field.inputs=2"];
        let fields = run(&model, &asked(name, "receptive-field", &field_settings));
        assert!(number(&fields, "field.effective") <= number(&fields, "field.theoretical"));
        let rise = run(&model, &asked(name, "rise", &["rise.masks=16"]));
        assert!(number(&rise, "psnr.masked") < number(&rise, "psnr"));
        let settings = [
            "faithfulness.maps=occlusion,gradient",
            "faithfulness.steps=6",
            "faithfulness.random=2",
        ];
        let curves = run(&model, &asked(name, "faithfulness", &settings));
        assert!(number(&curves, "deletion.occlusion") < number(&curves, "deletion.random"));
    }
}
