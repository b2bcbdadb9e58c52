//! Maps as a person uses them: found by name, pointed at, clicked, walked with the keys, zoomed, and looked at.

mod scene;

use egui::accesskit::Role;
use egui::{Key, Pos2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use whyfinder::maps::{Cell, ColourRange, Head, MapLook, TokenSide, TraceCell, TraceKind};

use scene::*;

#[test]
fn every_map_says_what_it_is_and_takes_the_keyboard() {
    for (show, name) in [
        (
            Show::Atlas,
            "Attention of 12 heads: 3 layers by 4 heads, 6 tokens",
        ),
        (
            Show::Head,
            "Attention of layer 0 head 0: 6 queries by 6 keys",
        ),
        (
            Show::Lines,
            "Attention lines of layer 0 head 0: 6 queries, 6 keys",
        ),
        (
            Show::Trace,
            "Residual stream causal trace: 6 tokens by 3 layers",
        ),
        (Show::Bars, "Predictions of the next token, 2 tokens"),
    ] {
        let mut scene = scene(show);
        let map = scene.get_by_label_contains(name);
        assert_eq!(map.accesskit_node().role(), Role::Image, "{name}");
        assert!(!value_of(&scene, name).is_empty(), "{name}");
        press(&mut scene, Key::Tab);
        assert!(scene.get_by_label_contains(name).is_focused(), "{name}");
    }
    let strip = scene(Show::Strip);
    let value = value_of(&strip, "Samples of the probability");
    assert_eq!(value, "3 samples · mean 0.700 ± 0.058 s.e.");
}

#[test]
fn pointing_at_a_head_and_clicking_it() {
    let mut scene = scene(Show::Atlas);
    let at = atlas_cell(&scene, 1, 2).center();
    point_at(&mut scene, at);
    let seen = scene.state().seen_atlas.as_ref().expect("drawn");
    assert_eq!(seen.hovered, Some(Head { layer: 1, head: 2 }));
    assert_eq!(scene.state().selected_head, None);
    click_at(&mut scene, at);
    assert_eq!(
        scene.state().selected_head,
        Some(Head { layer: 1, head: 2 })
    );
    // Query 1 gives key (1 + 2) mod 2 the most of all: 0.75 and half of the rest.
    assert_eq!(
        value_of(&scene, "Attention of 12 heads"),
        "L1H2, 0.875, strongest: ␣Or → ␣Or"
    );
}

#[test]
fn arrow_keys_walk_over_heads_and_read_them_out() {
    let mut scene = scene(Show::Atlas);
    press(&mut scene, Key::Tab);
    let mut walked = Vec::new();
    for key in [
        Key::ArrowDown,
        Key::ArrowDown,
        Key::ArrowRight,
        Key::End,
        Key::ArrowRight,
        Key::Home,
        Key::ArrowUp,
    ] {
        press(&mut scene, key);
        let head = scene.state().selected_head.expect("walked");
        walked.push((head.layer, head.head));
        let value = value_of(&scene, "Attention of 12 heads");
        assert!(
            value.starts_with(&format!("L{}H{}, 0.", head.layer, head.head)),
            "{value}"
        );
    }
    assert_eq!(
        walked,
        [(0, 0), (1, 0), (1, 1), (1, 3), (1, 3), (1, 0), (0, 0)]
    );
}

#[test]
fn the_wheel_zooms_at_the_cursor_and_a_double_click_fits() {
    let mut scene = scene(Show::Head);
    let fitted = head_cell(&scene, 4, 1);
    let at = fitted.center() + vec2(3.0, -4.0);
    let part = |rect: egui::Rect| (at - rect.min) / rect.size();
    point_at(&mut scene, at);
    let before = part(head_cell(&scene, 4, 1));
    wheel(&mut scene, 160.0);
    let zoomed = head_cell(&scene, 4, 1);
    assert!(zoomed.width() > 1.8 * fitted.width(), "{zoomed:?}");
    assert!((part(zoomed) - before).length() < 0.02, "{zoomed:?}");
    let seen = scene.state().seen_map.as_ref().expect("drawn");
    assert_eq!(seen.hovered, Some(Cell::new(4, 1)));

    let start = head_cell(&scene, 4, 1).min;
    scene.drag_at(at);
    scene.run_steps(1);
    scene.hover_at(at + vec2(20.0, 10.0));
    scene.run_steps(1);
    scene.drop_at(at + vec2(20.0, 10.0));
    scene.run_steps(1);
    let moved = head_cell(&scene, 4, 1).min - start;
    assert!((moved - vec2(20.0, 10.0)).length() < 1.0, "{moved:?}");
    assert_eq!(scene.state().selected_cell, None, "a drag picks nothing");

    click_at(&mut scene, at);
    click_at(&mut scene, at);
    assert!(scene.state().head.view.is_fitted());
    assert!((head_cell(&scene, 4, 1).min - fitted.min).length() < 0.1);
}

#[test]
fn walking_off_a_zoomed_map_brings_the_cell_into_sight() {
    let mut scene = scene(Show::Head);
    let first = head_cell(&scene, 0, 0).center();
    click_at(&mut scene, first);
    wheel(&mut scene, 250.0);
    for _ in 0..5 {
        press(&mut scene, Key::ArrowDown);
    }
    assert_eq!(scene.state().selected_cell, Some(Cell::new(5, 0)));
    let frame = scene.state().seen_map.as_ref().expect("drawn").grid.frame;
    assert!(frame.expand(0.5).contains_rect(head_cell(&scene, 5, 0)));
    assert_eq!(
        value_of(&scene, "Attention of layer 0 head 0"),
        "⏎ → The, 0.792, query 5 · key 0"
    );
    press(&mut scene, Key::F);
    assert!(scene.state().head.view.is_fitted());
}

#[test]
fn what_a_token_cannot_see_is_blank_and_says_so() {
    let mut scene = scene(Show::Head);
    let image = scene.render().expect("rendered");
    let ground = scene.state().look.background;
    let blank = pixel(&image, head_cell(&scene, 1, 4).center(), 1.0);
    assert_eq!(blank, [ground.r(), ground.g(), ground.b()]);
    let strong = pixel(
        &image,
        head_cell(&scene, 0, 0).left_top() + vec2(4.0, 4.0),
        1.0,
    );
    assert!(
        strong.iter().map(|&c| u32::from(c)).sum::<u32>() > 500,
        "{strong:?}"
    );
    let at = head_cell(&scene, 1, 4).center();
    click_at(&mut scene, at);
    assert!(value_of(&scene, "Attention of layer 0").contains("does not see"));
}

#[test]
fn card_and_processor_paint_the_same_picture() {
    for show in [Show::Atlas, Show::Head, Show::Trace] {
        for scale in [1.0, 2.0] {
            let make: fn(Show, MapLook) -> Stage = |show, look| Stage::new(show, look, 5, 7, 40);
            let [card, processor] = [Painted::ByCard, Painted::ByProcessor].map(|painted| {
                let mut scene = scene_of(show, painted, scale, make);
                scene.render().expect("rendered")
            });
            assert_eq!(card.dimensions(), processor.dimensions());
            let differing = card
                .pixels()
                .zip(processor.pixels())
                .filter(|(a, b)| (0..3).any(|i| a.0[i].abs_diff(b.0[i]) > 2))
                .count();
            assert_eq!(differing, 0, "at scale {scale}");
        }
    }
}

#[test]
fn numbers_go_to_the_card_when_their_version_changes_and_only_then() {
    let mut scene = scene(Show::Atlas);
    // Query 2 of layer 0 head 0 looks at key 0; its other two keys are dark.
    let spot = {
        let tile = atlas_cell(&scene, 0, 0);
        tile.min + vec2(1.5, 2.5) / 6.0 * (tile.size() - vec2(3.0, 3.0))
    };
    let before = pixel(&scene.render().expect("rendered"), spot, 1.0);
    scene.state_mut().attention[2 * 6 + 1] = 1.0;
    scene.run_steps(2);
    assert_eq!(pixel(&scene.render().expect("rendered"), spot, 1.0), before);
    scene.state_mut().version = 2;
    scene.run_steps(2);
    let after = pixel(&scene.render().expect("rendered"), spot, 1.0);
    assert!(
        after[0] > before[0].saturating_add(100),
        "{before:?} {after:?}"
    );
}

#[test]
fn a_trace_reads_out_effect_and_uncertainty() {
    let mut scene = scene(Show::Trace);
    let at = trace_rect(&scene, 0, 3, 1).center();
    point_at(&mut scene, at);
    let seen = scene.state().seen_trace.as_ref().expect("drawn");
    let here = TraceCell {
        kind: TraceKind::Residual,
        token: 3,
        layer: 1,
    };
    assert_eq!(seen.hovered, Some(here));
    click_at(&mut scene, at);
    assert_eq!(scene.state().selected_trace, Some(here));
    assert_eq!(
        value_of(&scene, "Residual stream causal trace"),
        "␣Tower (3) · layer 1, +0.400 ± 0.010 s.e., residual · 0.100 → 0.500"
    );
    press(&mut scene, Key::ArrowUp);
    assert_eq!(
        value_of(&scene, "Residual stream causal trace"),
        "vane (2) · layer 1, +0.005 ± 0.010 s.e., residual · 0.100 → 0.105 · within 2 s.e. of none"
    );
    let other = trace_rect(&scene, 1, 5, 0).center();
    click_at(&mut scene, other);
    let picked = scene.state().selected_trace.expect("picked");
    assert_eq!(
        (picked.kind, picked.token, picked.layer),
        (TraceKind::Mlp, 5, 0)
    );
    let value = value_of(&scene, "MLP causal trace");
    assert!(value.starts_with("⏎ (5) · layer 0"), "{value}");
}

#[test]
fn effects_doubts_harms_and_gaps_look_different() {
    let mut scene = scene(Show::Trace);
    // Token 4 layer 2 is not measured yet.
    scene.state_mut().measured[4 * LAYERS + 2] = false;
    scene.state_mut().version = 2;
    scene.run_steps(2);
    let image = scene.render().expect("rendered");
    let colours = |token: usize, layer: usize| {
        let rect = trace_rect(&scene, 0, token, layer).shrink(2.0);
        let mut colours = std::collections::BTreeMap::new();
        for y in rect.top() as u32..rect.bottom() as u32 {
            for x in rect.left() as u32..rect.right() as u32 {
                let [r, g, b, _] = image.get_pixel(x, y).0;
                *colours.entry([r, g, b]).or_insert(0) += 1;
            }
        }
        let mut by_count: Vec<([u8; 3], i32)> = colours.into_iter().collect();
        by_count.sort_by_key(|&(_, n)| -n);
        by_count
    };
    let (effect, doubt, harm, gap) = (colours(3, 0), colours(0, 0), colours(1, 0), colours(4, 2));
    let area = |of: &[([u8; 3], i32)]| of.iter().map(|&(_, n)| n).sum::<i32>();
    // A strong effect is bright; one within its error is dark and hatched; what was not measured is neither.
    assert!(effect[0].0[0] > 100, "{:?}", effect[0]);
    let hatching = doubt[1].1 as f32 / area(&doubt) as f32;
    assert!((0.08..0.4).contains(&hatching), "{hatching}");
    assert_ne!(gap[0].0, doubt[0].0);
    assert!(gap[0].1 as f32 / area(&gap) as f32 > 0.8, "one even ground");
    let blue = scene.state().look.harms;
    assert!(
        harm.iter()
            .any(|&(c, _)| c == [blue.r(), blue.g(), blue.b()])
    );
    assert!(
        !doubt
            .iter()
            .any(|&(c, _)| c == [blue.r(), blue.g(), blue.b()])
    );
    let at = trace_rect(&scene, 0, 4, 2).center();
    click_at(&mut scene, at);
    assert!(value_of(&scene, "Residual stream causal trace").contains("not measured yet"));
}

#[test]
fn an_estimate_is_hatched_and_said_until_its_cell_is_measured() {
    let mut scene = scene(Show::Trace);
    let cells = TOKENS.len() * LAYERS;
    scene.state_mut().measured[4 * LAYERS + 2] = false;
    scene.state_mut().estimates = Some(vec![0.5; cells]);
    scene.state_mut().version = 2;
    scene.run_steps(2);
    let image = scene.render().expect("rendered");
    let shades = |token: usize, layer: usize| {
        let rect = trace_rect(&scene, 0, token, layer).shrink(2.0);
        let pixels = (rect.top() as u32..rect.bottom() as u32)
            .flat_map(|y| (rect.left() as u32..rect.right() as u32).map(move |x| (x, y)));
        let shades: std::collections::BTreeSet<[u8; 4]> =
            pixels.map(|(x, y)| image.get_pixel(x, y).0).collect();
        shades.len()
    };
    assert!(shades(4, 2) > 1, "hatched");
    let at = trace_rect(&scene, 0, 4, 2).center();
    click_at(&mut scene, at);
    let said = value_of(&scene, "Residual stream causal trace");
    assert!(said.contains("about +0.400, not measured yet"), "{said}");
    scene.state_mut().measured[4 * LAYERS + 2] = true;
    scene.state_mut().version = 3;
    scene.run_steps(2);
    let said = value_of(&scene, "Residual stream causal trace");
    assert!(!said.contains("about"), "{said}");
}

#[test]
fn the_ends_of_a_colour_bar_are_dragged_stepped_and_reset() {
    let mut scene = scene(Show::Bar);
    let bar = scene.get_by_label("Colour range of Effect").rect();
    let high = scene.get_by_label("Effect, high end").rect().center();
    let to = egui::pos2(bar.left() + 0.6 * bar.width(), high.y);
    scene.drag_at(high);
    scene.run_steps(1);
    scene.hover_at(to);
    scene.run_steps(1);
    scene.drop_at(to);
    scene.run_steps(2);
    let [low, top] = scene.state().range.custom.expect("dragged");
    assert!(low == 0.0 && (top - 0.6).abs() < 0.02, "{low} {top}");
    assert_eq!(
        value_of(&scene, "Colour range of Effect"),
        "0 to 0.600 nats"
    );

    scene.get_by_label("Effect, low end").focus();
    scene.run_steps(2);
    press(&mut scene, Key::ArrowRight);
    press(&mut scene, Key::ArrowRight);
    let [low, _] = scene.state().range.custom.expect("stepped");
    assert!((low - 0.02).abs() < 1e-3, "{low}");

    let middle = egui::pos2(bar.left() + 0.3 * bar.width(), high.y);
    click_at(&mut scene, middle);
    click_at(&mut scene, middle);
    assert_eq!(scene.state().range, ColourRange::default());
}

#[test]
fn a_dragged_range_changes_every_panel_of_the_trace() {
    let mut scene = scene(Show::Trace);
    let spots: Vec<Pos2> = (0..2)
        .map(|panel| trace_rect(&scene, panel, 3, 2).left_top() + vec2(5.0, 5.0))
        .collect();
    let before = scene.render().expect("rendered");
    scene.state_mut().trace.range.custom = Some([CORRUPTED, 0.3]);
    scene.run_steps(2);
    let after = scene.render().expect("rendered");
    for at in spots {
        let (dim, bright) = (pixel(&before, at, 1.0), pixel(&after, at, 1.0));
        let sum = |c: [u8; 3]| c.iter().map(|&v| u32::from(v)).sum::<u32>();
        assert!(sum(bright) > sum(dim) + 150, "{dim:?} {bright:?}");
    }
}

#[test]
fn pointing_at_a_token_leaves_its_lines() {
    let mut scene = scene(Show::Lines);
    let rect = scene.get_by_label_contains("Attention lines").rect();
    let before = scene.render().expect("rendered");
    // The tokens stand one below the other from the top; the fourth is the last of the subject.
    let row = |i: usize| rect.top() + 6.0 + (i as f32 + 0.5) * 30.0;
    let token = egui::pos2(rect.left() + 60.0, row(3));
    point_at(&mut scene, token);
    let seen = scene.state().seen_lines.as_ref().expect("drawn");
    assert_eq!(seen.hovered, Some((TokenSide::Query, 3)));
    let after = scene.render().expect("rendered");
    let ink = |image: &image::RgbaImage| {
        let x = rect.center().x as u32;
        (rect.top() as u32..row(6) as u32)
            .filter(|&y| image.get_pixel(x, y).0[0] > 60)
            .count()
    };
    assert!(ink(&after) > 0 && ink(&after) < ink(&before) / 2);
    click_at(&mut scene, token);
    assert_eq!(scene.state().selected_cell, Some(Cell::new(3, 0)));
    assert_eq!(value_of(&scene, "Attention lines"), "␣Tower → The, 0.812");
}

#[test]
fn faint_lines_are_left_out_and_counted() {
    let mut scene = scene(Show::Lines);
    scene.state_mut().lines.threshold = 0.07;
    scene.run_steps(2);
    // Seen by 4, 5 and 6 keys, the rest shares are 0.0625, 0.05 and 0.042: 3, 4 and 5 lines of 6 rows of weight 1.
    let expected = (3.0 * 0.0625 + 4.0 * 0.05 + 5.0 * 0.25 / 6.0) / 6.0;
    let share = scene
        .state()
        .seen_lines
        .as_ref()
        .expect("drawn")
        .hidden_share;
    assert!((share - expected).abs() < 1e-4, "{share} {expected}");
    assert!(
        scene
            .query_by_label("Least weight of a drawn line")
            .is_some()
    );
}

#[test]
fn rows_of_predictions_are_picked_and_read_out() {
    let mut scene = scene(Show::Bars);
    press(&mut scene, Key::Tab);
    press(&mut scene, Key::ArrowDown);
    assert_eq!(
        value_of(&scene, "Predictions of the next token"),
        "␣Brelle, clean 0.900, corrupted 0.100, patched 0.700"
    );
    press(&mut scene, Key::ArrowDown);
    assert_eq!(
        value_of(&scene, "Predictions of the next token"),
        "⏎, clean 0.050"
    );
    let rect = scene.get_by_label_contains("Predictions").rect();
    click_at(&mut scene, rect.left_top() + vec2(20.0, 8.0));
    assert_eq!(scene.state().selected_row, Some(0));
}

#[test]
fn maps_of_any_size_are_drawn() {
    for (layers, heads, tokens) in [(0, 0, 0), (1, 1, 1), (2, 2, 3), (48, 48, 24), (2, 3, 300)] {
        for show in [Show::Atlas, Show::Head, Show::Lines, Show::Trace] {
            let mut scene = scene(show);
            let look = scene.state().look.clone();
            *scene.state_mut() = Stage::new(show, look, layers, heads, tokens);
            scene.state_mut().version = 7;
            scene.run_steps(2);
            scene.render().expect("rendered");
            point_at(&mut scene, egui::pos2(200.0, 150.0));
            wheel(&mut scene, 400.0);
            scene.render().expect("rendered");
        }
    }
}
