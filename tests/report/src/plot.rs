//! Plots as SVG, on white, so that they can be read on pages of any colour.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, Rectangle, Text};
use plotters::prelude::IntoLogRange as _;
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color as _, IntoFont as _, RGBColor, ShapeStyle, TextStyle, WHITE};

/// Distinct for most eyes, and in grey.
const COLOURS: [RGBColor; 5] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167), RGBColor(90, 90, 90)];
const GREY: RGBColor = RGBColor(225, 225, 225);
const FONT: &str = "sans-serif";
const WIDTH: u32 = 600;
const HEIGHT: u32 = 420;
/// Of title and legend.
const HEAD: u32 = 62;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A logarithmic axis.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) title: &'static str,
    /// Of the ticks.
    pub(crate) base: f64,
    pub(crate) label: fn(f64) -> String,
}

/// Points under a name.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// One diagram.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// Draws panels beside each other.
pub(crate) fn lines(path: &Path, panels: &[Panel]) -> Result<()> {
    let count = u32::try_from(panels.len())?;
    save(path, (WIDTH * count, HEIGHT), |root| {
        for (panel, area) in panels.iter().zip(root.split_evenly((1, panels.len()))) {
            panel.draw(&area)?;
        }
        Ok(())
    })
}

fn save(path: &Path, size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<()> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE)?;
        draw(&root)?;
        root.present()?;
    }
    Ok(fs::write(path, text)?)
}

fn font(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&BLACK)
}

fn colour(of: usize) -> RGBColor {
    COLOURS[of % COLOURS.len()]
}

/// The title, and a name beside a mark of its colour for each series.
fn head(area: &Area<'_>, title: &str, names: &[&str]) -> Result<()> {
    area.draw(&Text::new(title.to_owned(), (14, 10), font(17)))?;
    let mut x = 16;
    for (of, name) in names.iter().enumerate() {
        area.draw(&Rectangle::new([(x, 39), (x + 14, 49)], ShapeStyle::from(colour(of)).filled()))?;
        area.draw(&Text::new((*name).to_owned(), (x + 19, 38), font(13)))?;
        // About what a letter of this size takes.
        x += 19 + i32::try_from(name.chars().count())? * 7 + 18;
    }
    Ok(())
}

/// From the least to the most, with room around.
fn range(values: impl Iterator<Item = f64> + Clone, room: f64) -> Range<f64> {
    let (least, most) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    least / room..most * room
}

/// From a tick to a tick, at least three apart: with fewer the crate draws lines at odd places between them.
fn ticks(values: impl Iterator<Item = f64> + Clone, base: f64) -> Range<f64> {
    let Range { start, end } = range(values, 1.05);
    let (mut low, mut high) = (start.log(base).floor(), end.log(base).ceil());
    while high - low < 3.0 {
        (low, high) = if low > 0.0 { (low - 1.0, high) } else { (low, high + 1.0) };
    }
    base.powf(low)..base.powf(high)
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Result<()> {
        let (top, below) = area.split_vertically(HEAD);
        head(&top, self.title, &self.series.iter().map(|series| series.name).collect::<Vec<_>>())?;
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (x, y) = (range(points().map(|point| point.0), 1.15), ticks(points().map(|point| point.1), self.y.base));
        let mut chart = ChartBuilder::on(&below)
            .margin_left(14)
            .margin_right(36)
            .margin_top(6)
            .margin_bottom(8)
            .x_label_area_size(46)
            .y_label_area_size(82)
            .build_cartesian_2d(x.log_scale().base(self.x.base), y.log_scale().base(self.y.base))?;
        chart
            .configure_mesh()
            .bold_line_style(GREY)
            .light_line_style(WHITE)
            .label_style(font(13))
            .axis_desc_style(font(14))
            .x_desc(self.x.title)
            .y_desc(self.y.title)
            .x_label_formatter(&|value| (self.x.label)(*value))
            .y_label_formatter(&|value| (self.y.label)(*value))
            .draw()?;
        for (of, series) in self.series.iter().enumerate() {
            let style = ShapeStyle::from(colour(of)).stroke_width(2);
            chart.draw_series(LineSeries::new(series.points.iter().copied(), style))?;
            chart.draw_series(series.points.iter().map(|point| Circle::new(*point, 4, colour(of).filled())))?;
        }
        Ok(())
    }
}

/// Rows with one value for each series, as marks on a logarithmic axis with the value beside each.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) title: &'static str,
    pub(crate) x: Axis,
    pub(crate) series: Vec<&'static str>,
    pub(crate) marks: Vec<(String, Vec<f64>)>,
}

/// Height of a row, and width of its name.
const ROW: u32 = 44;
const NAME: i32 = 270;

impl Rows {
    pub(crate) fn draw(&self, path: &Path) -> Result<()> {
        let count = u32::try_from(self.marks.len())?;
        save(path, (WIDTH + 250, HEAD + ROW * count + 60), |root| {
            let (top, below) = root.split_vertically(HEAD);
            head(&top, self.title, &self.series)?;
            let values = self.marks.iter().flat_map(|(_, values)| values.iter().copied());
            let mut chart = ChartBuilder::on(&below)
                .margin_right(70)
                .margin_bottom(8)
                .margin_left(NAME)
                .x_label_area_size(46)
                .build_cartesian_2d(range(values, 2.0).log_scale().base(self.x.base), 0.0..f64::from(count))?;
            chart
                .configure_mesh()
                .disable_y_mesh()
                .bold_line_style(GREY)
                .light_line_style(WHITE)
                .label_style(font(13))
                .axis_desc_style(font(14))
                .x_desc(self.x.title)
                .x_label_formatter(&|value| (self.x.label)(*value))
                .draw()?;
            for (row, (name, values)) in self.marks.iter().enumerate() {
                let y = f64::from(count) - f64::from(u32::try_from(row)?) - 0.5;
                let (_, at) = chart.backend_coord(&(chart.x_range().start, y));
                let style = font(14).pos(Pos::new(HPos::Right, VPos::Center));
                root.draw(&Text::new(name.clone(), (NAME - 12, at), style))?;
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                for (of, value) in values.iter().enumerate() {
                    chart.draw_series([Circle::new((*value, y), 6, colour(of).filled())])?;
                    let (x, at) = chart.backend_coord(&(*value, y));
                    // Of two the lesser has its value on its left, so that close ones do not meet.
                    let (side, x) = if *value > least { (HPos::Left, x + 10) } else { (HPos::Right, x - 10) };
                    let style = font(13).pos(Pos::new(side, VPos::Center));
                    root.draw(&Text::new((self.x.label)(*value), (x, at), style))?;
                }
            }
            Ok(())
        })
    }
}
