//! A figure from results and a description, ready to be written in any format.

use whyfinder_experiment::{Field, ImportForm, InstrumentSettings, Outcome, floor_of, subtract};
use whyfinder_paint::{Image, Theme};

use crate::description::{Description, Panel, Part};
use crate::drawing::{Content, DIFFERENCE, Drawing, Polarity};
use crate::fonts::Fonts;
use crate::format::Format;
use crate::origin::Origin;
use crate::runs::runs;
use crate::scene::{Face, Scene, Text};
use crate::view::{View, is_curve, views_of};
use crate::{
    FigureError, crop, draw_attention, draw_image, draw_scores, draw_trace, draw_window_attention,
    layout, pdf, pgfplots, picture_numbers, raster, svg, svg_fonts, tables,
};

/// A result that a figure shows.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub outcome: &'a Outcome,
    /// Told where a figure compares several results.
    pub name: &'a str,
}

/// Everything that the files of one figure are written from.
#[derive(Debug)]
pub struct Figure {
    drawings: Vec<Drawing>,
    description: Description,
    heading: String,
    scene: Scene,
    fonts: Fonts,
    origin: Origin,
    notices: Vec<String>,
}

impl Figure {
    /// # Errors
    /// If the description cannot be meant, a font cannot be read, or a result lacks what a panel shows.
    pub fn new(sources: &[Source<'_>], description: &Description) -> Result<Self, FigureError> {
        description.check(sources.len())?;
        let fonts = Fonts::named(&description.font)?;
        let theme = description.theme();
        let named = names_are_needed(sources, description);
        let mut drawings: Vec<Drawing> = description
            .panels
            .iter()
            .map(|panel| drawing(sources, panel, theme, named))
            .collect::<Result<_, _>>()?;
        join_ranges(&mut drawings);
        let (mut heading, mut pieces) = heading(sources, description);
        let mut words: Vec<&mut String> = vec![&mut heading];
        words.extend(&mut pieces);
        for drawing in &mut drawings {
            words.extend(drawing.words());
        }
        let missing = fonts.spell_out(words);
        let notices = if missing.is_empty() {
            Vec::new()
        } else {
            let some: Vec<String> = missing.iter().take(8).map(char::to_string).collect();
            vec![format!(
                "No font of this machine has {} of the characters ({}); their codes stand in the figure. A font that \
                 has them can be given by its file.",
                missing.len(),
                some.join(" ")
            )]
        };
        let scene = layout::scene(&drawings, description, (&heading, &pieces), &fonts);
        Ok(Self {
            origin: Origin::of(sources, description),
            drawings,
            description: description.clone(),
            heading,
            scene,
            fonts,
            notices,
        })
    }

    /// Width and height on paper, points.
    pub fn size(&self) -> [f32; 2] {
        [self.scene.width, self.scene.height]
    }

    /// What the person should know about the figure.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Whether any text has signs that the figure's own typefaces lack.
    fn has_stand_ins(&self) -> bool {
        let lacks = |(face, run): &(Face, String)| run.chars().any(|c| !self.fonts.has(*face, c));
        let texts = self.scene.texts();
        let mut runs = texts
            .iter()
            .flat_map(|text| runs(&self.fonts, &text.text, text.look.face));
        runs.any(|run| lacks(&run))
    }

    /// As [`Figure::notices`], with what concerns one format.
    pub fn notices_of(&self, format: Format) -> Vec<String> {
        let mut notices = self.notices.clone();
        if format == Format::Svg && self.has_stand_ins() {
            let named = svg_fonts::fonts_of(&self.scene, &self.fonts).only_named;
            if !named.is_empty() {
                notices.push(format!(
                    "The SVG names {} but does not hold it, for it joins letters or its licence forbids it: elsewhere \
                     the text may look otherwise. A PDF holds it.",
                    named.join(", ")
                ));
            }
        }
        if format == Format::Csv && self.drawings.iter().any(picture_numbers::is_left_out) {
            notices.push("A large picture is left out of the table; a .npz has its pixels.".into());
        }
        let texts = self.scene.texts();
        let beyond = texts.iter().flat_map(|text| text.text.chars());
        if format == Format::Tex && beyond.into_iter().any(|c| !tables::is_known_to_tex(c)) {
            notices.push(
                "Some labels have characters that pdflatex does not know: compile with lualatex and a font that has them."
                    .into(),
            );
        }
        notices
    }

    pub fn drawings(&self) -> &[Drawing] {
        &self.drawings
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// # Errors
    /// If a picture in it cannot be packed.
    pub fn svg(&self) -> Result<String, FigureError> {
        svg::document(
            &self.scene,
            &self.fonts,
            &self.title(),
            &self.origin.to_json()?,
            true,
        )
    }

    /// What pixels are drawn from, by a renderer that has the fonts at hand.
    fn to_be_drawn(&self) -> Result<String, FigureError> {
        svg::document(&self.scene, &self.fonts, "", "", false)
    }

    /// # Errors
    /// If a font cannot be embedded.
    pub fn pdf(&self) -> Result<Vec<u8>, FigureError> {
        pdf::document(
            &self.scene,
            &self.fonts,
            &self.title(),
            &self.origin.program,
            &self.origin.to_json()?,
        )
    }

    /// # Errors
    /// If the picture would be empty or too large.
    pub fn png(&self, dpi: f32) -> Result<Vec<u8>, FigureError> {
        raster::png(
            &self.to_be_drawn()?,
            self.size(),
            dpi,
            &self.fonts,
            &self.origin.to_json()?,
        )
    }

    /// The pixels that [`Figure::png`] writes.
    ///
    /// # Errors
    /// As [`Figure::png`].
    pub fn image(&self, dpi: f32) -> Result<Image, FigureError> {
        raster::image(&self.to_be_drawn()?, self.size(), dpi, &self.fonts)
    }

    /// A LaTeX document of PGFPlots whose page is the figure.
    pub fn pgfplots(&self) -> Result<String, FigureError> {
        pgfplots::document(self)
    }

    /// Every number as a row of a long table.
    pub fn csv(&self) -> String {
        tables::csv(&self.drawings)
    }

    /// Every panel's numbers as a LaTeX table.
    pub fn latex_table(&self) -> String {
        tables::latex(&self.drawings)
    }

    /// Every panel's numbers as arrays for `numpy.load`.
    ///
    /// # Errors
    /// If they cannot be packed.
    pub fn npz(&self) -> Result<Vec<u8>, FigureError> {
        tables::npz(&self.drawings, &self.origin.to_json()?)
    }

    pub(crate) fn scene(&self) -> &Scene {
        &self.scene
    }

    pub(crate) fn heading(&self) -> &str {
        &self.heading
    }

    /// How wide a line of its text is drawn, points.
    pub(crate) fn width_of(&self, line: &Text) -> f32 {
        self.fonts.width(&line.text, line.look)
    }

    /// What a screen reader says.
    fn title(&self) -> String {
        let panels: Vec<String> = self
            .drawings
            .iter()
            .map(|d| match d.details.as_slice() {
                [] => d.title.clone(),
                details => format!("{} ({})", d.title, details.join(", ")),
            })
            .collect();
        format!("{}: {}", self.heading, panels.join("; "))
    }
}

fn heading(sources: &[Source<'_>], description: &Description) -> (String, Vec<String>) {
    let shown = description.shown();
    let Some(first) = shown.first().map(|&i| sources[i].outcome) else {
        return Default::default();
    };
    let (name, mut pieces) = circumstances(first);
    let mut names = vec![name];
    for &other in &shown[1..] {
        // What differs stands over the panels.
        let (name, theirs) = circumstances(sources[other].outcome);
        pieces.retain(|p| theirs.contains(p));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let name = names.join(", ");
    let name = description.heading.clone().unwrap_or(name);
    (name, pieces)
}

/// What was done, and how, in pieces.
fn circumstances(outcome: &Outcome) -> (&'static str, Vec<String>) {
    match &outcome.experiment.instrument {
        InstrumentSettings::CausalTrace { .. } => {
            ("Causal trace", draw_trace::circumstances(outcome))
        }
        InstrumentSettings::Run { .. } => {
            let tokens = draw_attention::counted(outcome.summary.tokens.len(), "token");
            ("Attention", vec![outcome.experiment.model.clone(), tokens])
        }
        InstrumentSettings::Image { .. } => (
            draw_image::title(outcome),
            draw_image::circumstances(outcome),
        ),
        InstrumentSettings::Import { import } => (
            match import.form {
                ImportForm::Attention => "Attention",
                ImportForm::Trace => "Causal trace",
                ImportForm::Effects => "Effects",
            },
            vec![outcome.experiment.model.clone()],
        ),
    }
}

/// Whether the panels show results of one instrument that must be told apart.
fn names_are_needed(sources: &[Source<'_>], description: &Description) -> bool {
    let mut instruments: Vec<&str> = description
        .shown()
        .into_iter()
        .map(|i| sources[i].outcome.experiment.instrument.name())
        .collect();
    instruments.sort_unstable();
    instruments.windows(2).any(|pair| pair[0] == pair[1])
}

/// `named`: panels say whose they are.
fn drawing(
    sources: &[Source<'_>],
    panel: &Panel,
    theme: Theme,
    named: bool,
) -> Result<Drawing, FigureError> {
    let source = sources[panel.source];
    let (shown, part) = draw_attention::part_of_record(source.outcome, &panel.view, panel.part);
    let shown = Panel {
        view: shown,
        part,
        ..panel.clone()
    };
    let mut made = match panel.minus {
        Some(other) => difference(source, sources[other], panel, theme)?,
        None => view(source.outcome, &shown, theme)?,
    };
    if let Some(title) = &panel.title {
        made.title.clone_from(title);
    } else if named && panel.minus.is_none() {
        made.title = format!("{}: {}", source.name, made.title);
    }
    if let Some(scale) = &mut made.scale {
        if let Some(colours) = panel.colours()? {
            scale.style.map = colours;
            scale.style.flip = false;
        }
        scale.style.flip |=
            panel.inverted && scale.polarity.is_some() && scale.style.map.is_diverging();
        if let Some([low, high]) = panel.range {
            scale.style.low = low;
            scale.style.high = high;
            scale.fixed = true;
        }
    }
    if let Some(part) = part {
        crop::cut(&mut made, part)?;
    }
    Ok(made)
}

/// What a panel draws of one result, before it is cut to its part.
fn view(outcome: &Outcome, panel: &Panel, theme: Theme) -> Result<Drawing, FigureError> {
    let made = match &panel.view {
        View::Atlas => draw_attention::atlas(outcome, theme)?,
        View::Head {
            layer,
            head,
            tokens,
        } => draw_attention::head(outcome, [*layer, *head], *tokens, panel.part, theme)?,
        View::Predictions => draw_attention::predictions(outcome),
        View::Counts => draw_scores::counts(outcome, panel.inverted, theme),
        View::Lines(name) => outcome
            .field(name)
            .filter(|f| draw_trace::is_trace(f))
            .map(|f| draw_trace::lines(outcome, f)),
        View::Part(name, index) => match outcome.field(name) {
            Some(field) => draw_window_attention::part(outcome, field, *index, theme)?,
            None => None,
        },
        View::Field(name) => match outcome.field(name) {
            Some(_) if is_curve(name) => draw_scores::curves(outcome, name),
            Some(field) => field_view(outcome, field, panel.part, theme)?,
            None => None,
        },
    };
    made.ok_or_else(|| nothing(outcome, &panel.view))
}

fn field_view(
    outcome: &Outcome,
    field: &Field,
    part: Option<Part>,
    theme: Theme,
) -> Result<Option<Drawing>, FigureError> {
    if draw_trace::is_trace(field) {
        return Ok(Some(draw_trace::grid(outcome, field, part, theme)?));
    }
    if let Some(made) = draw_image::over(outcome, field, theme)? {
        return Ok(Some(made));
    }
    draw_window_attention::tiles(outcome, field, theme)
}

fn nothing(outcome: &Outcome, view: &View) -> FigureError {
    let held: Vec<String> = views_of(outcome).iter().map(View::to_string).collect();
    FigureError::NothingToDraw {
        wanted: view.to_string(),
        held: if held.is_empty() {
            "nothing".into()
        } else {
            held.join(", ")
        },
    }
}

/// A field less the same field of another result, as effects where it holds values; how its errors came about is said.
fn difference(
    source: Source<'_>,
    other: Source<'_>,
    panel: &Panel,
    theme: Theme,
) -> Result<Drawing, FigureError> {
    let View::Field(name) = &panel.view else {
        return Err(FigureError::Asked(format!(
            "Only maps can be taken from each other, not \"{}\"",
            panel.view
        )));
    };
    let find = |of: &Outcome| -> Result<Field, FigureError> {
        of.field(name)
            .cloned()
            .ok_or_else(|| nothing(of, &panel.view))
    };
    let (first, second) = (find(source.outcome)?, find(other.outcome)?);
    if first.shape() != second.shape() || first.axes.len() != 2 {
        return Err(FigureError::Asked(format!(
            "\"{name}\" of {} and of {} have not the same cells, so there is no difference of them",
            source.name, other.name
        )));
    }
    let shift = floor_of(source.outcome, name) - floor_of(other.outcome, name);
    let Some(found) = subtract(&first, &second, shift) else {
        return Err(nothing(source.outcome, &panel.view));
    };
    let (field, errors) = (found.field, found.errors);
    let mut outcome = Outcome {
        fields: Vec::new(),
        attention: Vec::new(),
        ..source.outcome.clone()
    };
    outcome.summary.reference.clear();
    for picture in ["input", "output"] {
        outcome
            .fields
            .extend(source.outcome.field(picture).cloned());
    }
    outcome.fields.push(field);
    let mut made = view(&outcome, panel, theme)?;
    made.title = format!("{} − {}", source.name, other.name);
    made.details = vec![errors.to_string()];
    if let Some(scale) = &mut made.scale {
        let extent = scale.values[0].abs().max(scale.values[1].abs());
        let is_over = matches!(made.content, Content::Over(_));
        if !is_over {
            scale.style = whyfinder_paint::MapStyle::signed(
                whyfinder_paint::ColourMap::BlueRed,
                theme,
                extent,
            );
        }
        scale.name = format!("{DIFFERENCE}{}", scale.name);
        scale.marks = vec![(0.0, String::new())];
        scale.polarity = Some(Polarity::Between(source.name.into(), other.name.into()));
        scale.remarks.clear();
    }
    Ok(made)
}

/// Gives panels that measure the same one range.
fn join_ranges(drawings: &mut [Drawing]) {
    // In the first round the last panel learns of all others, in the second they learn of it.
    for _ in 0..2 {
        for i in 1..drawings.len() {
            let (before, rest) = drawings.split_at_mut(i);
            let Some(scale) = &mut rest[0].scale else {
                continue;
            };
            for other in before.iter_mut().filter_map(|d| d.scale.as_mut()) {
                other.join(scale);
            }
        }
    }
}
