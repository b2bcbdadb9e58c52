use super::*;

/// One patch of one colour.
fn write_bank(path: &Path, side: usize, value: u8) {
    let header =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': (1, {side}, {side}, 3), }}");
    let padding = 64 - (10 + header.len() + 1) % 64;
    let header = format!("{header}{}\n", " ".repeat(padding));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(vec![value; side * side * 3]);
    std::fs::write(path, bytes).expect("writes");
}

#[test]
fn occlusion_is_a_causal_effect_map_with_one_patch() {
    let folder = tempfile::tempdir().expect("a folder");
    let bank = folder.path().join("grey.npy");
    write_bank(&bank, 8, 128);
    let bank = format!("intervention.bank={}", bank.display());
    for model in [local(), pooled()] {
        let task = if model.network.scale > 1 {
            "input.task=super-resolution"
        } else {
            "input.task=derain"
        };
        let covered = run(&model, &experiment(folder.path(), "occlusion", &[task]));
        let plain = ["occlusion.engine=plain", task];
        let plain = run(&model, &experiment(folder.path(), "occlusion", &plain));
        let (covered, plain) = (field(&covered, "effect"), field(&plain, "effect"));
        for (a, b) in covered.values.iter().zip(&plain.values) {
            assert!((a - b).abs() < 2e-3, "{a} {b}");
        }
        if task == "input.task=derain" {
            continue;
        }
        let settings = [
            &bank,
            "intervention.coarse=1",
            "intervention.fine=0",
            "intervention.tolerance=0",
            task,
        ];
        let map = run(
            &model,
            &experiment(folder.path(), "causal-effect-map", &settings),
        );
        assert_eq!(field(&map, "effect").values, covered.values);
    }
}

#[test]
fn a_results_map_can_be_tried_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = run(&local(), &experiment(folder.path(), "occlusion", &[]));
    let kept = folder.path().join("kept");
    whyfinder_experiment::write_result(&kept, &outcome).expect("writes");
    let maps = format!("faithfulness.maps=occlusion,{}", kept.display());
    let settings = [&maps, "faithfulness.steps=5", "faithfulness.random=0"];
    let outcome = run(
        &local(),
        &experiment(folder.path(), "faithfulness", &settings),
    );
    let deletion = field(&outcome, "deletion");
    assert_eq!(deletion.values[..6], deletion.values[6..]);
    let smaller = ["faithfulness.block=4", &maps];
    let mut listener = Listener::default();
    let message = measure_image(
        &local(),
        &experiment(folder.path(), "faithfulness", &smaller),
        &mut listener,
        &Budget::UNLIMITED,
    )
    .expect_err("has other blocks")
    .to_string();
    assert!(message.contains("other blocks"), "{message}");
}

#[test]
fn attention_is_the_row_of_the_pattern() {
    use whyfinder_model::network::{NodeId, NodeProbe, forward};
    struct Keep(NodeId, Option<Tensor>);
    impl NodeProbe for Keep {
        fn wants(&self, node: NodeId) -> bool {
            node == self.0
        }
        fn at(&mut self, _: NodeId, value: Tensor) -> whyfinder_model::Result<Tensor> {
            self.1 = Some(value.clone());
            Ok(value)
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let model = windowed();
    let pixel = ["window-attention.pixel=[17, 13]"];
    let outcome = run(
        &model,
        &experiment(folder.path(), "window-attention", &pixel),
    );
    let input = field(&outcome, "input");
    let shape = (1, input.shape()[0], input.shape()[1], 3);
    let picture = Tensor::from_vec(input.values.clone(), shape, &Device::Cpu).expect("a picture");
    let node = model.network.node_named("0.pattern").expect("is there");
    let mut keep = Keep(node, None);
    forward(&model.network, &picture, 0.0, &mut keep).expect("runs");
    // Columns 16..20 and rows 12..16: 46 pixels make 12 windows side by side.
    let (window, query) = (3 * 12 + 4, 4 + 1);
    let pattern = keep.1.expect("seen");
    let row: Vec<f32> = pattern
        .narrow(0, window, 1)
        .and_then(|p| p.narrow(2, query, 1)?.flatten_all()?.to_vec1())
        .expect("a row");
    let map = field(&outcome, "attention.0.pattern");
    assert_eq!(map.shape(), [2, 4, 4]);
    assert_eq!(map.axes[1].labels.text(0), "12");
    assert_eq!(map.axes[2].labels.text(0), "16");
    assert_eq!(map.values, row);
}
