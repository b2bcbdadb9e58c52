//! The selected cell of the trace: its number, how sure it is, and what it means.

use egui::{RichText, ScrollArea, Ui};
use whyfinder_experiment::TraceKind;

use super::controls::{big_number, empty_state, muted};
use super::results::TraceResult;
use super::view::View;
use super::{against_estimates, fonts, words};
use crate::maps::estimate_scatter::EstimateScatter;
use crate::maps::sample_strip::{SampleStrip, sample_strip};
use crate::maps::token_text::{read_number, signed_number};

/// The cell that the selection names, if the trace has it.
fn selected(view: &View<'_>) -> Option<(TraceKind, usize, usize)> {
    let s = view.state.selection;
    let trace = view.state.results.trace.as_ref()?;
    let (token, layer) = (s.token?, s.layer?);
    trace.cell_index(s.kind, token, layer)?;
    Some((s.kind, token, layer))
}

pub(crate) fn describe(view: &View<'_>) -> String {
    let Some((kind, token, layer)) = selected(view) else {
        return match edge(view) {
            Some(e) => format!("attention · layer {} · head {}", e.layer, e.head),
            None => "the number behind a cell".to_string(),
        };
    };
    let text = view
        .state
        .results
        .trace
        .as_ref()
        .and_then(|t| t.summary.tokens.get(token))
        .map(|t| words::token(t))
        .unwrap_or_default();
    format!("{} · layer {layer} · {text} ({token})", kind.name())
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let (Some((kind, token, layer)), Some(trace)) = (selected(view), &view.state.results.trace)
    else {
        if let Some(edge) = edge(view) {
            attention_edge(ui, view, &edge);
            return;
        }
        let sentence = "Click a cell of the causal trace to read its effect, its standard error and every sample behind it.";
        empty_state(ui, view.theme, "One cell in numbers", sentence, None);
        return;
    };
    let Some((grid, cell)) = trace.grid(kind).zip(trace.cell_index(kind, token, layer)) else {
        return;
    };
    ScrollArea::vertical().id_salt("inspector").show(ui, |ui| {
        ui.set_width(ui.available_width());
        if !grid.mask[cell] {
            big_number(ui, view.theme, "–", "not measured yet", view.theme.text);
            muted(ui, view.theme, words::site(kind, layer));
            against_estimates(ui, view, trace, kind, cell);
            return;
        }
        let value = grid.values[cell];
        let floor = trace.corrupted().unwrap_or(f32::NAN);
        let stderr = grid.effect_errors().map_or(f32::NAN, |s| s[cell]);
        let samples = grid.samples_of(cell);
        let uncertain = match (stderr.is_finite(), samples.len()) {
            (true, n) => format!("± {} s.e. · {n} samples", read_number(stderr)),
            (false, 1) => "1 sample: no standard error".to_string(),
            (false, _) => "no standard error".to_string(),
        };
        big_number(
            ui,
            view.theme,
            &signed_number(value - floor),
            &uncertain,
            view.theme.text,
        );
        if let Some(clean) = trace.clean().filter(|_| !samples.is_empty()) {
            let metric = super::trace_panel::metric_of(trace);
            let label = format!("{metric}, {} samples", samples.len());
            sample_strip(
                ui,
                view.look,
                &SampleStrip {
                    label: &label,
                    samples,
                    corrupted: floor,
                    clean,
                    unit: trace.metric().unit(),
                },
            );
        }
        let sentence = explain(trace, kind, token, layer, value);
        ui.add(egui::Label::new(RichText::new(sentence).color(view.theme.muted)).wrap());
        patched_tokens(ui, view, trace, kind, cell);
        against_estimates(ui, view, trace, kind, cell);
        site_line(ui, view, &words::site(kind, layer));
    });
}

/// How the cells of a kind compare with what a gradient said beforehand.
fn against_estimates(
    ui: &mut Ui,
    view: &View<'_>,
    trace: &TraceResult,
    kind: TraceKind,
    cell: usize,
) {
    let (Some(grid), Some(estimate)) = (trace.grid(kind), trace.estimate(kind)) else {
        return;
    };
    let floor = trace.corrupted().unwrap_or(f32::NAN);
    let point = |cell: usize| {
        let known = grid.mask.get(cell) == Some(&true) && estimate.mask.get(cell) == Some(&true);
        known.then(|| [estimate.values[cell] - floor, grid.values[cell] - floor])
    };
    if let Some(value) = estimate.values.get(cell).filter(|value| value.is_finite()) {
        let said = signed_number(value - floor);
        muted(ui, view.theme, format!("Estimated beforehand: {said}"));
    }
    let points: Vec<[f32; 2]> = (0..grid.mask.len()).filter_map(point).collect();
    let scatter = EstimateScatter {
        label: &format!("{}: estimated against measured effects", kind.name()),
        points: &points,
        selected: point(cell),
        colour: view.look.text,
    };
    against_estimates::show(ui, view, &scatter);
}

/// One weight of the selected head.
struct Edge {
    layer: usize,
    head: usize,
    query: String,
    key: String,
    weight: f32,
}

/// The attention edge that the selection names.
fn edge(view: &View<'_>) -> Option<Edge> {
    let run = view.state.results.run.as_ref()?;
    let attention = run.attention.as_ref()?;
    let s = view.state.selection;
    let (layer, head, query, key) = (s.layer?, s.head?, s.query?, s.key?);
    let weight = attention.weight(layer, head, query, key)?;
    let token = |i: usize| run.summary.tokens.get(i).map(|t| words::token(t));
    Some(Edge {
        layer,
        head,
        query: token(query)?,
        key: token(key)?,
        weight,
    })
}

fn attention_edge(ui: &mut Ui, view: &View<'_>, edge: &Edge) {
    big_number(
        ui,
        view.theme,
        &read_number(edge.weight),
        "of its attention",
        view.theme.text,
    );
    let sentence = format!(
        "At {}, head {} of layer {} looks at {} with {} of its attention. A weight says where a head reads, not what \
         that does to the answer: the causal trace measures that.",
        edge.query,
        edge.head,
        edge.layer,
        edge.key,
        words::percent(edge.weight),
    );
    ui.add(egui::Label::new(RichText::new(sentence).color(view.theme.muted)).wrap());
    let site = whyfinder_experiment::Site::block(edge.layer, whyfinder_experiment::Part::Pattern);
    site_line(ui, view, &site.to_string());
}

fn site_line(ui: &mut Ui, view: &View<'_>, site: &str) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Site").font(fonts::semibold(12.5)));
        ui.label(
            RichText::new(site)
                .font(fonts::mono(11.5))
                .color(view.theme.muted),
        );
    });
}

/// What was restored, and what came back.
fn explain(trace: &TraceResult, kind: TraceKind, token: usize, layer: usize, value: f32) -> String {
    let settings = trace.settings();
    let window = settings.map_or(1, |s| s.window);
    let layers = trace
        .grid(kind)
        .and_then(|g| g.axes.get(1))
        .map_or(layer + 1, |a| a.len());
    let token = trace
        .summary
        .tokens
        .get(token)
        .map_or_else(|| format!("token {token}"), |t| words::token(t));
    let what = match (kind, words::window_layers(layer, window, layers)) {
        (TraceKind::Residual, _) => {
            format!("Restoring the residual stream after layer {layer} at {token}")
        }
        (_, (first, end)) if end - first == 1 => {
            format!(
                "Restoring the {} of layer {first} at {token}",
                words::kind_word(kind)
            )
        }
        (_, (first, end)) => format!(
            "Restoring the {}s of layers {first}–{} at {token}",
            words::kind_word(kind),
            end - 1
        ),
    };
    let (Some(clean), Some(corrupted)) = (trace.clean(), trace.corrupted()) else {
        return format!("{what}.");
    };
    let metric = trace.metric();
    let moved = format!(
        "{} → {}",
        words::value(metric, corrupted),
        words::value(metric, value)
    );
    let lost = clean - corrupted;
    let back = (value - corrupted) / lost;
    let share = if !(back.is_finite() && lost.abs() > 1e-6) {
        "The disturbance cost nothing, so there is nothing to bring back".to_string()
    } else if back.abs() < 0.005 {
        "brings nothing back".to_string()
    } else if back > 3.0 {
        format!("moves it {back:.0} times as far as the disturbance did, the other way")
    } else if back > 0.0 {
        format!(
            "brings back {:.0}\u{a0}% of what the disturbance cost",
            100.0 * back
        )
    } else if back < -3.0 {
        format!(
            "moves it a further {:.0} times as far as the disturbance did",
            -back
        )
    } else {
        format!(
            "takes away a further {:.0}\u{a0}% of what the disturbance cost",
            -100.0 * back
        )
    };
    if share.starts_with("The") {
        format!("{moved}. {share}.")
    } else {
        format!("{moved}. {what} {share}.")
    }
}

/// The patched run's most likely next tokens.
fn patched_tokens(ui: &mut Ui, view: &View<'_>, trace: &TraceResult, kind: TraceKind, cell: usize) {
    let Some(tokens) = trace.cells.get(&(kind, cell)) else {
        return;
    };
    if tokens.top.is_empty() {
        return;
    }
    ui.spacing_mut().interact_size.y = 18.0;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Patched run says").font(fonts::semibold(12.5)));
        muted(ui, view.theme, "mean over samples");
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(10.0, 4.0);
        for (i, (id, probability)) in tokens.top.iter().take(4).enumerate() {
            let text = tokens
                .texts
                .get(i)
                .map_or_else(|| format!("#{id}"), |t| words::token(t));
            let mut job = egui::text::LayoutJob::default();
            job.append(
                &text,
                0.0,
                egui::TextFormat::simple(fonts::mono(12.0), view.theme.text),
            );
            job.append(
                &words::percent(*probability),
                6.0,
                egui::TextFormat::simple(fonts::mono(11.5), view.theme.muted),
            );
            ui.add(egui::Label::new(job).extend());
        }
    });
}
