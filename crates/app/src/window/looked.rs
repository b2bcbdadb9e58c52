//! How maps are looked at, as figures keep it: to be brought back, and to draw only what is in view.

use std::collections::BTreeMap;

use egui::{Rect, vec2};
use whyfinder_experiment::{Field, ImportForm, InstrumentSettings, Outcome};
use whyfinder_figure::looked::Pixel;
use whyfinder_figure::{Looked, MapLooked, Origin, Panel, Part, View};
use whyfinder_paint::Reduction;

use super::application::Application;
use super::images::state::PixelOf;
use super::map_states::MapStates;
use crate::maps::picture_view::PictureState;
use crate::maps::{ColourRange, EffectRange, GridFrame, HeatmapView, Region, TokenLinesState};

/// Gives maps the ranges that a figure's panels were given elsewhere, by `whyfinder figure --range`.
pub(super) fn take_ranges(looked: &mut Looked, origin: &Origin) {
    for panel in &origin.description.panels {
        let Some(range) = panel.range else {
            continue;
        };
        let instrument = origin.sources.get(panel.source);
        let map = match (&panel.view, instrument.map(|s| &s.experiment.instrument)) {
            (View::Atlas, _) => ATLAS,
            (View::Head { .. }, _) => HEAD,
            (View::Field(_), Some(InstrumentSettings::Image { .. })) => match panel.minus {
                Some(_) => DIFFERENCES,
                None => PICTURES,
            },
            (View::Field(_), Some(InstrumentSettings::CausalTrace { .. })) => TRACE,
            (View::Field(_), Some(InstrumentSettings::Import { import })) => match import.form {
                ImportForm::Effects => FIELD,
                ImportForm::Trace => TRACE,
                ImportForm::Attention => continue,
            },
            _ => continue,
        };
        looked.maps.entry(map.into()).or_insert(MapLooked {
            range: Some(range),
            ..MapLooked::default()
        });
    }
}

/// Names of the maps in figures.
const ATLAS: &str = "atlas";
const HEAD: &str = "head";
const TRACE: &str = "trace";
const LINES: &str = "lines";
const FIELD: &str = "field";
const PICTURES: &str = "pictures";
const DIFFERENCES: &str = "differences";

impl Application {
    /// How the window shows its maps; none if it shows them as it does at first.
    pub(super) fn looked(&self) -> Option<Looked> {
        let mut looked = self.maps.looked();
        if let Some(imported) = &self.state.imported {
            looked.map = Some(imported.map).filter(|map| *map > 0);
        }
        if self.state.is_about_images() {
            let (images, q) = (&self.state.images, &self.state.question.images);
            looked.flipped = images.flipped;
            looked.differences = images.differences;
            looked.network = Some(q.active).filter(|active| *active > 0);
            looked.part = images
                .parts
                .get(&q.method)
                .copied()
                .filter(|part| *part > 0);
            looked.pinned = images.pinned.as_ref().map(|at| Pixel {
                network: at.network.clone(),
                at: at.pixel,
            });
            looked.regions = q
                .other_regions()
                .iter()
                .map(|r| [r.x, r.y, r.width, r.height])
                .collect();
        }
        (looked != Looked::default()).then_some(looked)
    }

    /// Shows maps as they were when a figure was made.
    pub(super) fn look_again(&mut self, looked: &Looked) {
        self.maps.look_again(looked);
        if let (Some(imported), Some(map)) = (&mut self.state.imported, looked.map)
            && map < imported.outcome.fields.len()
        {
            imported.map = map;
        }
        let (images, q) = (&mut self.state.images, &mut self.state.question.images);
        images.flipped = looked.flipped;
        images.differences = looked.differences;
        if let Some(network) = looked.network.filter(|n| *n < q.networks.len()) {
            q.active = network;
        }
        if let Some(part) = looked.part {
            images.parts.insert(q.method, part);
        }
        images.pinned = looked.pinned.as_ref().map(|pixel| PixelOf {
            network: pixel.network.clone(),
            pixel: pixel.at,
        });
        for &[x, y, width, height] in &looked.regions {
            let region = Region::new(x, y, width, height);
            if !q.regions.contains(&region) {
                q.regions.push(region);
            }
        }
    }

    /// The part of a panel's map that is in view; none if all of it is.
    pub(super) fn part_in_view(&self, outcome: &Outcome, view: &View) -> Option<Part> {
        match view {
            View::Atlas => {
                let attention = self.state.results.run.as_ref()?.attention.as_ref()?;
                visible(self.maps.atlas.view, [attention.layers, attention.heads])
            }
            View::Head {
                layer,
                head,
                tokens: None,
            } => {
                let s = self.state.selection;
                let shown = (s.layer, s.head) == (Some(*layer), Some(*head));
                let n = outcome.summary.tokens.len();
                let part = visible(self.maps.head.view, [n, n]);
                part.filter(|_| shown)
            }
            View::Field(name) => self.part_of_field(outcome, outcome.field(name)?),
            _ => None,
        }
    }

    fn part_of_field(&self, outcome: &Outcome, field: &Field) -> Option<Part> {
        let shape = field.shape();
        let &[rows, columns, ..] = shape.as_slice() else {
            return None;
        };
        if self.is_drawn_import(&field.name) {
            return visible(self.maps.field.view, [rows, columns]);
        }
        if is_trace(field) {
            return visible(self.maps.trace.view, [rows, columns]);
        }
        let image = outcome.summary.image.as_ref()?;
        let is_picture = matches!(shape.as_slice(), [_, _, 1 | 3]);
        if !(is_picture || shape.len() == 2) {
            return None;
        }
        // The window's frame holds whole blocks.
        let [width, height] = image.output_size;
        let block = image.block.unwrap_or(1).max(1);
        let of_blocks = field.axes[0].name == "row" && image.block.is_some();
        let cells = |pixels: usize, cells: usize| -> f32 {
            let cell = match of_blocks {
                true => block as f32,
                false => pixels as f32 / cells.max(1) as f32,
            };
            pixels.next_multiple_of(block) as f32 / cell
        };
        let whole = [cells(height, rows), cells(width, columns)];
        let view = self.maps.pictures.view;
        if view.is_fitted() {
            return None;
        }
        let part = |origin: f32, whole: f32, n: usize| {
            let first = ((origin * whole + 1e-3).floor().max(0.0) as usize).min(n.max(1) - 1);
            let end = ((origin + 1.0 / view.zoom) * whole - 1e-3).ceil().max(0.0) as usize;
            [first, end.clamp(first + 1, n.max(first + 1))]
        };
        Some(Part {
            rows: part(view.origin.y, whole[0], rows),
            columns: part(view.origin.x, whole[1], columns),
        })
    }

    /// Whether a field is the map that is drawn of another program's effects.
    fn is_drawn_import(&self, name: &str) -> bool {
        let imported = self.state.imported.as_ref();
        imported.is_some_and(|imported| {
            imported.form() == ImportForm::Effects
                && imported.field().is_some_and(|field| field.name == name)
        })
    }

    /// Whether a panel's map is shown with its colours changed round.
    pub(super) fn inverted_in_view(&self, outcome: &Outcome, panel: &Panel) -> bool {
        let coloured = match &panel.view {
            View::Counts => true,
            View::Field(name) => outcome.field(name).is_some_and(|f| f.axes.len() == 2),
            _ => false,
        };
        coloured && outcome.summary.image.is_some() && self.state.images.flipped
    }

    /// The range that a person has given the colours of a panel's map in the window.
    pub(super) fn range_in_view(&self, outcome: &Outcome, panel: &Panel) -> Option<[f32; 2]> {
        let maps = &self.maps;
        match &panel.view {
            View::Atlas => maps.atlas.range.custom.filter(|_| !maps.atlas.per_head),
            View::Head { .. } => maps.head.range.custom,
            View::Field(name) => {
                let field = outcome.field(name)?;
                let both = |range: EffectRange| {
                    let signed =
                        name.starts_with("effect") || field.values.iter().any(|v| *v < 0.0);
                    let low = move |most: f32| if signed { -most } else { 0.0 };
                    range.custom.map(|most| [low(most), most])
                };
                if self.is_drawn_import(name) {
                    return both(maps.field.extent).or(maps.field.range.custom);
                }
                if is_trace(field) {
                    return maps.trace.range.custom.filter(|_| panel.minus.is_none());
                }
                if outcome.summary.image.is_none() || field.axes.len() != 2 {
                    return None;
                }
                match panel.minus {
                    Some(_) => maps.pictures.difference_range.custom.map(|e| [-e, e]),
                    None => both(maps.pictures.range),
                }
            }
            _ => None,
        }
    }
}

fn is_trace(field: &Field) -> bool {
    matches!(field.axes.as_slice(), [t, l] if t.name == "token" && l.name == "layer")
}

/// Rows and columns of a grid that show; none if all do.
fn visible(view: HeatmapView, [rows, cols]: [usize; 2]) -> Option<Part> {
    if view.is_fitted() || rows == 0 || cols == 0 {
        return None;
    }
    let grid = GridFrame {
        frame: Rect::EVERYTHING,
        rows,
        cols,
        view,
    };
    let (rows, columns) = (grid.visible_rows(), grid.visible_cols());
    Some(Part {
        rows: [rows.start, rows.end],
        columns: [columns.start, columns.end],
    })
}

fn map(view: HeatmapView, range: Option<[f32; 2]>) -> MapLooked {
    MapLooked {
        zoom: view.zoom,
        origin: [view.origin.x, view.origin.y],
        range,
    }
}

fn view_of(map: MapLooked) -> HeatmapView {
    let mut view = HeatmapView {
        zoom: map.zoom.max(1.0),
        origin: vec2(map.origin[0], map.origin[1]),
    };
    // Inside the map, whatever the figure says.
    view.pan(
        Rect::from_min_size(egui::Pos2::ZERO, vec2(1.0, 1.0)),
        vec2(0.0, 0.0),
    );
    view
}

fn both_sides(range: EffectRange) -> Option<[f32; 2]> {
    range.custom.map(|most| [-most, most])
}

fn one_side(map: MapLooked) -> EffectRange {
    EffectRange {
        custom: map.range.map(|[_, high]| high),
    }
}

fn colours(map: MapLooked) -> ColourRange {
    ColourRange { custom: map.range }
}

impl MapStates {
    fn looked(&self) -> Looked {
        let field = self.field.range.custom.or(both_sides(self.field.extent));
        let maps = [
            (ATLAS, map(self.atlas.view, self.atlas.range.custom)),
            (HEAD, map(self.head.view, self.head.range.custom)),
            (TRACE, map(self.trace.view, self.trace.range.custom)),
            (LINES, map(self.lines.view, None)),
            (FIELD, map(self.field.view, field)),
            (
                PICTURES,
                map(self.pictures.view, both_sides(self.pictures.range)),
            ),
            (
                DIFFERENCES,
                map(
                    HeatmapView::default(),
                    both_sides(self.pictures.difference_range),
                ),
            ),
        ];
        let maps: BTreeMap<String, MapLooked> = maps
            .into_iter()
            .filter(|(_, map)| *map != MapLooked::default())
            .map(|(name, map)| (name.to_string(), map))
            .collect();
        let (swipe, threshold) = (self.pictures.picture.swipe, self.lines.threshold);
        Looked {
            maps,
            mean: self.atlas.within == Reduction::Mean,
            per_head: self.atlas.per_head,
            error_marks: self.trace.error_ticks,
            threshold: (threshold != TokenLinesState::default().threshold).then_some(threshold),
            swipe: (swipe != PictureState::default().swipe).then_some(swipe),
            ..Looked::default()
        }
    }

    fn look_again(&mut self, looked: &Looked) {
        let of = |name: &str| looked.maps.get(name).copied().unwrap_or_default();
        self.atlas.view = view_of(of(ATLAS));
        self.atlas.range = colours(of(ATLAS));
        self.atlas.within = match looked.mean {
            true => Reduction::Mean,
            false => Reduction::MaxAbs,
        };
        self.atlas.per_head = looked.per_head;
        self.head.view = view_of(of(HEAD));
        self.head.range = colours(of(HEAD));
        self.trace.view = view_of(of(TRACE));
        self.trace.range = colours(of(TRACE));
        self.trace.error_ticks = looked.error_marks;
        self.lines.view = view_of(of(LINES));
        self.lines.threshold = looked
            .threshold
            .unwrap_or(TokenLinesState::default().threshold);
        self.field.view = view_of(of(FIELD));
        self.field.range = colours(of(FIELD));
        self.field.extent = one_side(of(FIELD));
        self.pictures.view = view_of(of(PICTURES));
        self.pictures.range = one_side(of(PICTURES));
        self.pictures.difference_range = one_side(of(DIFFERENCES));
        self.pictures.picture.swipe = looked.swipe.unwrap_or(PictureState::default().swipe);
    }
}
