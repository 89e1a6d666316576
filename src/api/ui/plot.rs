//! [`Plot`]: the past as a small picture, drawn here: SVG without scripts and without styles of its own.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use super::{
    super::timestamp::rfc3339,
    format::approximate,
    series::{Part, Series},
};

/// The picture is drawn in these units and stretched to its place.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;

/// A picture with its words.
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// What each colour is.
    pub(super) keys: Vec<&'static str>,
    pub(super) svg: String,
    /// What the upper edge stands for.
    pub(super) most: String,
    pub(super) from: &'static str,
    pub(super) middle: &'static str,
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On top of each other, as bars.
    Bars,
    /// Each as a line, the first with the area below it.
    Lines,
}

/// What is drawn.
pub(super) struct Drawing<'a> {
    pub(super) title: &'static str,
    pub(super) keys: Vec<&'static str>,
    pub(super) kind: Kind,
    /// The values of a part, one for each key; none where nothing is known.
    pub(super) values: &'a dyn Fn(&Part) -> Option<Vec<f64>>,
    /// How a value is written.
    pub(super) written: &'a dyn Fn(f64) -> String,
    /// The least that the upper edge stands for.
    pub(super) least_most: f64,
    /// Whether values are bytes, whose units are powers of two.
    pub(super) is_binary: bool,
}

impl Drawing<'_> {
    /// Draws it.
    pub(super) fn plot(self, series: &Series) -> Plot {
        let values: Vec<Option<Vec<f64>>> = series.parts.iter().map(self.values).collect();
        let most = values.iter().flatten().map(|part| self.height(part));
        let most = most.fold(self.least_most, f64::max);
        let most = if self.is_binary {
            nice_binary(most)
        } else {
            nice(most)
        };
        let (from, middle) = series.span.axis();
        let mut svg = self.opening(&values, series);
        match self.kind {
            Kind::Bars => bars(&mut svg, &values, self.keys.len(), most),
            Kind::Lines => lines(&mut svg, &values, self.keys.len(), most),
        }
        self.tips(&mut svg, series, &values);
        svg.push_str("</svg>");
        Plot {
            title: self.title,
            most: (self.written)(most),
            keys: self.keys,
            svg,
            from,
            middle,
        }
    }

    fn height(&self, part: &[f64]) -> f64 {
        match self.kind {
            Kind::Bars => part.iter().sum(),
            Kind::Lines => part.iter().copied().fold(0.0, f64::max),
        }
    }

    /// The head of the picture, which says in words what it shows.
    fn opening(&self, values: &[Option<Vec<f64>>], series: &Series) -> String {
        let last = values.iter().rev().flatten().next();
        let told = self.keys.iter().enumerate().map(|(at, key)| {
            let known = values.iter().flatten().filter_map(|part| part.get(at));
            let most = known.copied().fold(0.0, f64::max);
            let last = last.and_then(|part| part.get(at)).copied().unwrap_or(0.0);
            let (last, most) = ((self.written)(last), (self.written)(most));
            format!("{key}: now {last}, at most {most}")
        });
        let told: Vec<String> = told.collect();
        let (title, span) = (self.title, series.span.label());
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-label=\"{title}, last {span}. {}\">",
            told.join("; ")
        );
        for (class, y) in [
            ("grid-line", 0.0),
            ("grid-line", HEIGHT / 2.0),
            ("base-line", HEIGHT),
        ] {
            // Writing to a text cannot fail, here and below.
            let _ = write!(
                svg,
                "<line class=\"{class}\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>"
            );
        }
        svg
    }

    /// What a pointer is told of each part.
    fn tips(&self, svg: &mut String, series: &Series, values: &[Option<Vec<f64>>]) {
        let width = WIDTH / approximate(values.len() as u64);
        for (at, (part, values)) in series.parts.iter().zip(values).enumerate() {
            let time = rfc3339(UNIX_EPOCH + Duration::from_secs(part.start));
            let time = time.get(..16).unwrap_or_default().replace('T', " ");
            let told = values.as_ref().map_or_else(
                || "nothing is known".to_owned(),
                |values| {
                    let pairs = self.keys.iter().zip(values);
                    let told =
                        pairs.map(|(key, value)| format!("{key} {}", (self.written)(*value)));
                    told.collect::<Vec<_>>().join(", ")
                },
            );
            let x = approximate(at as u64) * width;
            let _ = write!(
                svg,
                "<rect class=\"tip\" x=\"{x:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\">\
                 <title>{time} UTC: {told}</title></rect>"
            );
        }
    }
}

fn bars(svg: &mut String, values: &[Option<Vec<f64>>], keys: usize, most: f64) {
    let width = WIDTH / approximate(values.len() as u64);
    for key in 0..keys {
        let mut path = String::new();
        for (at, part) in values.iter().enumerate() {
            let Some(part) = part else { continue };
            let below: f64 = part.iter().take(key).sum();
            let value = part.get(key).copied().unwrap_or(0.0);
            if value <= 0.0 {
                continue;
            }
            let (x, height) = (approximate(at as u64) * width, value / most * HEIGHT);
            // What happened at all is seen.
            let height = height.max(0.8);
            let y = HEIGHT - below / most * HEIGHT;
            let thin = width * 0.82;
            let _ = write!(path, "M{x:.1} {y:.2}v-{height:.2}h{thin:.1}v{height:.2}z");
        }
        let _ = write!(svg, "<path class=\"s{}\" d=\"{path}\"/>", key + 1);
    }
}

fn lines(svg: &mut String, values: &[Option<Vec<f64>>], keys: usize, most: f64) {
    let width = WIDTH / approximate(values.len() as u64);
    for key in (0..keys).rev() {
        let (mut line, mut area) = (String::new(), String::new());
        let point = |at: usize, part: &[f64]| {
            let x = (approximate(at as u64) + 0.5) * width;
            let value = part.get(key).copied().unwrap_or(0.0);
            (x, HEIGHT - value / most * HEIGHT)
        };
        // Each stretch of known parts is a line of its own.
        for run in runs(values) {
            let (first, last) = (run.start, run.end - 1);
            for at in run {
                let (x, y) = point(at, values[at].as_deref().unwrap_or_default());
                let (verb, x) = match at {
                    at if at == first && at == last => ("M", x - width / 2.0),
                    at if at == first => ("M", x),
                    _ => ("L", x),
                };
                let _ = write!(line, "{verb}{x:.1} {y:.2}");
                if first == last {
                    let _ = write!(line, "h{width:.1}");
                }
                let verb = if at == first { "M" } else { "L" };
                if at == first {
                    let _ = write!(area, "{verb}{x:.1} {HEIGHT}L{x:.1} {y:.2}");
                } else {
                    let _ = write!(area, "{verb}{x:.1} {y:.2}");
                }
                if at == last {
                    let _ = write!(area, "V{HEIGHT}z");
                }
            }
        }
        if key == 0 {
            let _ = write!(svg, "<path class=\"a1\" d=\"{area}\"/>");
        }
        let _ = write!(svg, "<path class=\"l{}\" d=\"{line}\"/>", key + 1);
    }
}

/// Stretches of parts of which something is known.
fn runs(values: &[Option<Vec<f64>>]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for at in (0..values.len()).filter(|at| values[*at].is_some()) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// The next number that reads well: 1, 2, 2.5 or 5 and a power of ten.
fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = steps
        .into_iter()
        .find(|step| step * power >= value * 0.999_999);
    step.unwrap_or(10.0) * power
}

/// The next power of two, from one.
fn nice_binary(value: f64) -> f64 {
    2_f64.powf(value.max(1.0).log2().ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_edge_reads_well_and_covers_everything() {
        for (value, edge) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (23.0, 25.0),
            (99.0, 100.0),
        ] {
            assert!((nice(value) - edge).abs() < 1e-9, "{value}");
        }
        assert!((nice_binary(1500.0) - 2048.0).abs() < 1e-6);
    }

    #[test]
    fn unknown_parts_interrupt_a_line() {
        let known = Some(vec![1.0]);
        let values = [known.clone(), known.clone(), None, known];
        assert_eq!(runs(&values), [0..2, 3..4]);
    }
}
