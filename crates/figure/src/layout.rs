//! Panels on a page: aligned in rows and columns, lettered, with a shared bar where colours mean the same.

use whyfinder_paint::Theme;

use crate::description::Description;
use crate::drawing::{Content, Drawing, Grid, Scale};
use crate::fonts::Fonts;
use crate::pen::Pen;
use crate::scene::{Face, PanelFrame, Scene, TextLook};
use crate::{colour_bar, plot_bars, plot_grid, plot_lines, plot_over, plot_tiles};

/// Between panels side by side, of the size of labels.
const BETWEEN: f32 = 1.6;
/// Panels narrower than this go into another row, points.
const NARROWEST: f32 = 100.0;
/// At the page's edges, so that lines there are not cut.
const EDGE: f32 = 1.0;

/// Where one panel's parts go.
#[derive(Clone, Debug, Default)]
struct Measures {
    left: f32,
    header: Vec<String>,
    plot: [f32; 2],
    below: f32,
    bar: f32,
    /// How many panels from here on the bar serves; 0 where that of a panel to the left does.
    span: usize,
    /// Where the bar begins below the plot's upper edge.
    bar_top: f32,
    /// Width of the panel.
    whole: f32,
    /// Rows are labelled here, not by the panel to the left.
    labelled: bool,
}

/// The figure with its heading and the pieces of the line under it.
pub(crate) fn scene(
    drawings: &[Drawing],
    description: &Description,
    heading: (&str, &[String]),
    fonts: &Fonts,
) -> Scene {
    let theme = description.theme();
    let mut pen = Pen::new(fonts, theme, description.size);
    let width = description.width.points() - 2.0 * EDGE;
    let columns = columns(description, drawings.len(), width);
    let rows: Vec<&[Drawing]> = drawings.chunks(columns).collect();
    let mut y = EDGE;
    if description.title && !heading.0.is_empty() {
        y = draw_heading(&mut pen, heading, y, width);
    }
    let measures = measure(&pen, &rows, description, columns, width);
    let gap = pen.size * BETWEEN;
    let lefts: Vec<f32> = (0..columns)
        .map(|c| {
            measures
                .iter()
                .filter_map(|row| row.get(c))
                .map(|m| m.left)
                .fold(0.0, f32::max)
        })
        .collect();
    let room = plot_room(&lefts, columns, gap, width);
    let common = common_bar(drawings);
    let mut panels: Vec<PanelFrame> = Vec::new();
    for (r, row) in rows.iter().enumerate() {
        let of_row = &measures[r];
        let most = |part: &dyn Fn(&Measures) -> f32| of_row.iter().map(part).fold(0.0, f32::max);
        let header = most(&|m| header_height(&pen, m));
        let tall = most(&|m| (m.plot[1] + m.below).max(m.bar_top + m.bar));
        let mut x = EDGE;
        for (c, (drawing, m)) in row.iter().zip(of_row).enumerate() {
            let letter = letter(description, drawings.len(), r * columns + c);
            draw_header(&mut pen, drawing, m, letter, [x, y]);
            let plot = [x + lefts[c], y + header, m.plot[0], m.plot[1]];
            draw_content(&mut pen, drawing, m, plot, room);
            let at = [x + lefts[c], y + header + m.bar_top];
            let own = drawing
                .scale
                .as_ref()
                .filter(|_| common.is_none_or(|c| !c.bar) && m.span > 0);
            let wide = bar_room(&lefts, c, m.span, room, gap);
            if let Some(scale) = own {
                colour_bar::draw_strip(&mut pen, scale, at, wide);
                if common.is_none() {
                    let hatched = row[c..c + m.span].iter().find_map(hatched);
                    colour_bar::draw_words(&mut pen, scale, hatched, at, wide);
                }
            }
            panels.push(PanelFrame {
                heading: [x, y + pen.size],
                plot,
                bar: own.map(|_| [at[0], at[1], wide]),
                words: own.filter(|_| common.is_none()).map(|_| wide),
                labelled: m.labelled,
            });
            x += lefts[c] + room + gap;
        }
        y += header + tall;
        if r + 1 < rows.len() {
            y += pen.leading();
        }
    }
    if let Some(common) = common {
        let room = width - lefts[0];
        // Words stand below a bar; where each panel has its own, below those.
        let strip = colour_bar::strip_height(&pen);
        let mut top = y - strip;
        if common.bar {
            top = y;
            colour_bar::draw_strip(&mut pen, common.scale, [EDGE + lefts[0], top], room);
        }
        let coloured = drawings.iter().position(|d| d.scale.is_some());
        if let Some(panel) = coloured.and_then(|i| panels.get_mut(i)) {
            panel.words = Some(room);
            if common.bar {
                panel.bar = Some([EDGE + lefts[0], top, room]);
            }
        }
        colour_bar::draw_words(
            &mut pen,
            common.scale,
            common.hatched,
            [EDGE + lefts[0], top],
            room,
        );
        y = top + strip + colour_bar::words_height(&pen, common.scale, common.hatched, room);
    }
    Scene {
        width: description.width.points(),
        height: y + EDGE + pen.small() * 0.4,
        ground: (!description.transparent).then(|| ground(theme)),
        shapes: pen.shapes,
        panels,
    }
}

/// What figures are drawn on: paper, or the window's background.
fn ground(theme: Theme) -> whyfinder_paint::Colour {
    match theme {
        Theme::Dark => theme.background(),
        Theme::Light => theme.panel(),
    }
}

/// As many side by side as are wide enough, in rows of even length.
fn columns(description: &Description, panels: usize, width: f32) -> usize {
    let most = description
        .columns
        .unwrap_or((width / NARROWEST).floor() as usize)
        .clamp(1, panels.max(1));
    if description.columns.is_some() {
        return most;
    }
    panels.max(1).div_ceil(panels.max(1).div_ceil(most))
}

fn plot_room(lefts: &[f32], columns: usize, gap: f32, width: f32) -> f32 {
    let taken = lefts.iter().sum::<f32>() + gap * (columns as f32 - 1.0);
    ((width - taken) / columns as f32).max(20.0)
}

fn measure(
    pen: &Pen<'_>,
    rows: &[&[Drawing]],
    description: &Description,
    columns: usize,
    width: f32,
) -> Vec<Vec<Measures>> {
    let mut all: Vec<Vec<Measures>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .enumerate()
                .map(|(c, drawing)| {
                    let labelled = c == 0 || !shares_rows(&row[c - 1], drawing);
                    Measures {
                        left: if labelled { left(pen, drawing) } else { 0.0 },
                        labelled,
                        ..Measures::default()
                    }
                })
                .collect()
        })
        .collect();
    let lefts: Vec<f32> = (0..columns)
        .map(|c| {
            all.iter()
                .filter_map(|row| row.get(c))
                .map(|m| m.left)
                .fold(0.0, f32::max)
        })
        .collect();
    let room = plot_room(&lefts, columns, pen.size * BETWEEN, width);
    let drawings: Vec<Drawing> = rows.iter().flat_map(|row| row.iter().cloned()).collect();
    let common = common_bar(&drawings);
    for (measured, row) in all.iter_mut().zip(rows) {
        for (c, (m, drawing)) in measured.iter_mut().zip(row.iter()).enumerate() {
            let whole = lefts[c] + room;
            m.plot = plot_size(pen, drawing, room);
            m.below = below(pen, drawing, lefts[c], m.plot[0]);
            if description.title {
                m.header = pen.fonts.flow(&drawing.details, pen.muted(), whole);
            }
            m.whole = whole;
            m.left = lefts[c];
        }
        for c in 0..row.len() {
            let span = match common {
                Some(_) => 1,
                None => span(row, c),
            };
            let run = c..c + span.max(1);
            let top = run
                .clone()
                .map(|i| measured[i].plot[1] + measured[i].below)
                .fold(0.0, f32::max);
            let wide = bar_room(&lefts, c, span, room, pen.size * BETWEEN);
            let m = &mut measured[c];
            (m.span, m.bar_top) = (span, top);
            if let (Some(scale), 1..) = (&row[c].scale, span) {
                m.bar = match common {
                    Some(Common { bar: true, .. }) => 0.0,
                    Some(_) => colour_bar::strip_height(pen),
                    None => {
                        let hatched = row[run].iter().find_map(hatched);
                        colour_bar::strip_height(pen)
                            + colour_bar::words_height(pen, scale, hatched, wide)
                    }
                };
            }
        }
    }
    all
}

/// How many panels of a row from one on have colours that mean the same; 0 if those of the panel before do too.
fn span(row: &[Drawing], from: usize) -> usize {
    let same = |a: usize, b: usize| match (&row[a].scale, &row[b].scale) {
        (Some(a), Some(b)) => a.said_alike(b) && a.style == b.style,
        _ => false,
    };
    if from > 0 && same(from - 1, from) {
        return 0;
    }
    1 + (from + 1..row.len())
        .take_while(|&i| same(i - 1, i))
        .count()
}

/// Width of a bar that serves some panels.
fn bar_room(lefts: &[f32], from: usize, span: usize, room: f32, gap: f32) -> f32 {
    let more: f32 = lefts
        .iter()
        .skip(from + 1)
        .take(span.max(1) - 1)
        .map(|left| left + room + gap)
        .sum();
    room + more
}

/// What serves all maps of a figure.
#[derive(Clone, Copy)]
struct Common<'a> {
    scale: &'a Scale,
    hatched: Option<&'a str>,
    /// One bar; otherwise only the words under the bars are the same.
    bar: bool,
}

/// The one bar that serves all maps, or the words that do, where there are several and their values mean the same.
fn common_bar(drawings: &[Drawing]) -> Option<Common<'_>> {
    let scales: Vec<&Scale> = drawings.iter().filter_map(|d| d.scale.as_ref()).collect();
    let (first, others) = scales.split_first()?;
    if others.is_empty() || !others.iter().all(|scale| scale.said_alike(first)) {
        return None;
    }
    Some(Common {
        scale: first,
        hatched: drawings.iter().find_map(hatched),
        bar: others.iter().all(|scale| scale.style == first.style),
    })
}

/// What hatching says, if any cell of the panel is hatched.
pub(crate) fn hatched(drawing: &Drawing) -> Option<&str> {
    let flags = drawing.grid()?.map.flags();
    let any = flags
        .iter()
        .any(|f| f & whyfinder_paint::flag::NOT_SIGNIFICANT != 0);
    drawing.hatched.as_deref().filter(|_| any)
}

/// Whether two neighbours have the same rows, so that one set of labels serves both.
fn shares_rows(left: &Drawing, right: &Drawing) -> bool {
    match (&left.content, &right.content) {
        (Content::Grid(a), Content::Grid(b)) => a.rows == b.rows && !a.square && !b.square,
        _ => false,
    }
}

fn left(pen: &Pen<'_>, drawing: &Drawing) -> f32 {
    match &drawing.content {
        Content::Grid(grid) => plot_grid::left(pen, grid),
        Content::Tiles(tiles) => plot_tiles::left(pen, tiles),
        Content::Over(_) | Content::Shares(_) => 0.0,
        Content::Lines(lines) => plot_lines::left(pen, lines),
        Content::Bars(bars) => plot_bars::left(pen, bars),
    }
}

fn plot_size(pen: &Pen<'_>, drawing: &Drawing, room: f32) -> [f32; 2] {
    match &drawing.content {
        Content::Grid(grid) => plot_grid::size(pen, grid, room),
        Content::Tiles(tiles) => plot_tiles::size(tiles, room),
        Content::Over(over) => plot_over::size(over, room),
        Content::Lines(lines) => plot_lines::size(pen, lines, room),
        Content::Bars(bars) => plot_bars::size(pen, bars, room),
        Content::Shares(shares) => plot_bars::shares_size(pen, shares, room),
    }
}

fn below(pen: &Pen<'_>, drawing: &Drawing, left: f32, width: f32) -> f32 {
    match &drawing.content {
        Content::Grid(grid) => plot_grid::below(pen, grid, width),
        Content::Tiles(_) => plot_tiles::below(pen),
        Content::Over(_) | Content::Shares(_) => 1.0,
        Content::Lines(lines) => plot_lines::below(pen, lines, left, width),
        Content::Bars(_) => plot_bars::below(pen),
    }
}

fn draw_content(pen: &mut Pen<'_>, drawing: &Drawing, m: &Measures, frame: [f32; 4], room: f32) {
    match (&drawing.content, &drawing.scale) {
        (Content::Grid(grid), Some(scale)) => {
            plot_grid::draw(pen, grid, scale, frame, m.labelled);
        }
        (Content::Tiles(tiles), Some(scale)) => plot_tiles::draw(pen, tiles, scale, frame, room),
        (Content::Over(over), scale) => plot_over::draw(pen, over, scale.as_ref(), frame),
        (Content::Lines(lines), _) => plot_lines::draw(pen, lines, frame, m.left),
        (Content::Bars(bars), _) => plot_bars::draw(pen, bars, frame),
        (Content::Shares(shares), _) => plot_bars::draw_shares(pen, shares, frame),
        (Content::Grid(Grid { .. }) | Content::Tiles(_), None) => {}
    }
}

fn draw_heading(pen: &mut Pen<'_>, (name, pieces): (&str, &[String]), y: f32, width: f32) -> f32 {
    let look = TextLook::new(Face::Bold, pen.size + 1.5, pen.theme.text());
    let mut baseline = y + look.size;
    for line in pen.fonts.flow(&[name.to_string()], look, width) {
        pen.text(EDGE, baseline, look, &line);
        baseline += look.size * 1.2;
    }
    let look = pen.muted();
    for line in pen.fonts.flow(pieces, look, width) {
        pen.text(EDGE, baseline, look, &line);
        baseline += look.size * 1.3;
    }
    baseline - pen.small() + pen.leading() * 0.9
}

fn header_height(pen: &Pen<'_>, m: &Measures) -> f32 {
    pen.leading() + m.header.len() as f32 * pen.small() * 1.3 + pen.size * 0.5
}

fn draw_header(
    pen: &mut Pen<'_>,
    drawing: &Drawing,
    m: &Measures,
    letter: Option<String>,
    [x, y]: [f32; 2],
) {
    let mut left = x;
    let baseline = y + pen.size;
    if let Some(letter) = letter {
        let look = TextLook::new(Face::Bold, pen.size + 1.0, pen.theme.text());
        pen.text(left, baseline, look, &letter);
        left += pen.width(&letter, look) + pen.size * 0.6;
    }
    if m.header.is_empty() && drawing.title.is_empty() {
        return;
    }
    let look = pen.bold();
    let title = pen.fitted(&drawing.title, look, x + m.whole - left);
    pen.text(left, baseline, look, &title);
    for (i, line) in m.header.iter().enumerate() {
        let baseline = baseline + (i + 1) as f32 * pen.small() * 1.3;
        pen.text(x, baseline, pen.muted(), line);
    }
}

/// `a`, `b`, …, `z`, `aa`, … where there are several panels.
pub(crate) fn letter(description: &Description, panels: usize, index: usize) -> Option<String> {
    if !description.letters || panels < 2 {
        return None;
    }
    let one = |i: usize| char::from(b'a' + (i % 26) as u8);
    Some(if index < 26 {
        one(index).to_string()
    } else {
        [one(index / 26 - 1), one(index)].iter().collect()
    })
}
