//! How the window puts things into words.

use whyfinder_experiment::{Metric, TraceKind};

pub(crate) use crate::maps::token_text::visible_token as token;

/// `1.2 MB`, `3.4 GB`.
pub(crate) fn bytes(n: u64) -> String {
    let n = n as f64;
    let (value, unit) = if n >= 1e9 {
        (n / 1e9, "GB")
    } else if n >= 1e6 {
        (n / 1e6, "MB")
    } else {
        (n / 1e3, "kB")
    };
    if value >= 9.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// `2.7 M`, `124 M`, `1.5 B` parameters.
pub(crate) fn parameters(n: u64) -> String {
    let n = n as f64;
    let (value, unit) = if n >= 1e9 {
        (n / 1e9, "B")
    } else if n >= 1e6 {
        (n / 1e6, "M")
    } else {
        (n / 1e3, "k")
    };
    if value >= 99.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// `text` in at most `letters` characters, its end replaced by … where it is longer.
pub(crate) fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_string();
    }
    let kept: String = text.chars().take(letters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `0.8 s left`, `3 min left`.
pub(crate) fn time_left(seconds: f64) -> String {
    if seconds < 9.95 {
        format!("{seconds:.1} s left")
    } else if seconds < 99.5 {
        format!("{seconds:.0} s left")
    } else {
        format!("{:.0} min left", (seconds / 60.0).ceil())
    }
}

/// `93 %`, `2.1 %`, `0.04 %`.
pub(crate) fn percent(p: f32) -> String {
    let p = 100.0 * p;
    if !p.is_finite() {
        "–".to_string()
    } else if p >= 9.95 {
        format!("{p:.0} %")
    } else if p >= 0.095 {
        format!("{p:.1} %")
    } else if p >= 0.01 {
        format!("{p:.2} %")
    } else {
        "<0.01 %".to_string()
    }
}

/// The heading of a trace grid.
pub(crate) fn kind_title(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::Residual => "Residual stream",
        TraceKind::Mlp => "MLP",
        TraceKind::Attention => "Attention",
    }
}

/// The kind in a sentence.
pub(crate) fn kind_word(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::Residual => "residual stream",
        TraceKind::Mlp => "MLP output",
        TraceKind::Attention => "attention output",
    }
}

/// The metric in a sentence.
pub(crate) fn metric_word(metric: Metric) -> String {
    metric.name().replace('-', " ")
}

/// A value of a metric: `0.726`, `−2.31 nats`.
pub(crate) fn value(metric: Metric, v: f32) -> String {
    let number = crate::maps::token_text::read_number(v);
    match metric.unit() {
        "" => number,
        unit => format!("{number} {unit}"),
    }
}

/// The site that a trace cell restores, in the common spelling.
pub(crate) fn site(kind: TraceKind, layer: usize) -> String {
    use whyfinder_experiment::{Part, Site};
    let part = match kind {
        TraceKind::Residual => Part::ResidPost,
        TraceKind::Mlp => Part::MlpOut,
        TraceKind::Attention => Part::AttnOut,
    };
    Site::block(layer, part).to_string()
}

/// Layers of a window around `layer`: `[l - window/2, l + ceil(window/2))`, cut to the model.
pub(crate) fn window_layers(layer: usize, window: usize, layers: usize) -> (usize, usize) {
    let first = layer.saturating_sub(window / 2);
    let end = (layer + window.div_ceil(2)).min(layers);
    (first, end.max(first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(bytes(412_000_000), "412 MB");
        assert_eq!(bytes(8_100_000_000), "8.1 GB");
        assert_eq!(bytes(999), "1.0 kB");
        assert_eq!(parameters(124_439_808), "124 M");
        assert_eq!(time_left(0.84), "0.8 s left");
        assert_eq!(time_left(61.0), "61 s left");
        assert_eq!(time_left(185.0), "4 min left");
        assert_eq!(percent(0.931), "93 %");
        assert_eq!(percent(0.021), "2.1 %");
        assert_eq!(percent(0.0004), "0.04 %");
        assert_eq!(percent(f32::NAN), "–");
    }

    #[test]
    fn long_words_end_in_an_ellipsis() {
        assert_eq!(shortened("Corkado", 7), "Corkado");
        assert_eq!(shortened("The Orvane Tower", 5), "The…");
        assert_eq!(shortened("Łódź", 3), "Łó…");
        assert_eq!(shortened("", 0), "");
    }

    #[test]
    fn windows_are_cut_to_the_model() {
        assert_eq!(window_layers(3, 3, 8), (2, 5));
        assert_eq!(window_layers(0, 10, 8), (0, 5));
        assert_eq!(window_layers(7, 10, 8), (2, 8));
        assert_eq!(window_layers(4, 1, 8), (4, 5));
    }
}
