//! The mean sampling interval as a band below a plot over time: the darker, the fewer samples there are, and the less is
//! known of what happened then.

use super::axis::finite;
use super::canvas::{self, PlotError, Sheet, Style, TEXT_SIZE};
use super::text::width_px;
use super::theme::{HEAT, Role};
use super::tips::Tip;
use crate::analysis::SessionInfo;
use crate::units;

/// Height of the band, pixels.
const HEIGHT: i32 = 18;
/// Into how many stretches the time is divided at most.
const STRETCHES: usize = 160;

/// Draws the band between the pixels `left` and `right`, which stand for the times 0 and `end_us`.
pub(super) fn draw(
    sheet: &Sheet<'_>,
    session: &SessionInfo,
    (left, right): (i32, i32),
    top: i32,
    end_us: u64,
) -> Result<Vec<Tip>, PlotError> {
    let middle = top + HEIGHT / 2;
    canvas::write(sheet, "interval", (left - 6, middle), &Style::right(Role::Muted))?;
    let stretches = stretches(session, end_us);
    let greatest = stretches.iter().map(|(_, _, bytes)| *bytes).fold(0.0, f64::max);
    let x = |part: usize| left + (part as i64 * i64::from(right - left) / STRETCHES as i64) as i32;
    let mut tips = Vec::new();
    for &(from, to, bytes) in &stretches {
        let (from, to) = (x(from), x(to));
        let text = name(bytes);
        let shade = shade(bytes, greatest);
        canvas::fill(sheet, [(from, top), (to, top + HEIGHT)], shade)?;
        let fits = |text: &&String| width_px(text, TEXT_SIZE) as i32 + 10 < to - from;
        if let Some(text) = [&text, &units::bytes(bytes)].into_iter().find(fits) {
            canvas::write(sheet, text, ((from + to) / 2, middle), &Style::centered(shade.text()))?;
        }
        tips.push(Tip { at: (from, top), text });
    }
    Ok(tips)
}

fn name(bytes: f64) -> String {
    if bytes > 0.0 { format!("1 sample per {}", units::bytes(bytes)) } else { "every allocation".to_owned() }
}

/// The stretches of one interval: first and last part of the time, and the greatest interval in force there.
fn stretches(session: &SessionInfo, end_us: u64) -> Vec<(usize, usize, f64)> {
    let mut parts = [0.0_f64; STRETCHES];
    let part = |time_us: u64| (time_us as f64 / end_us.max(1) as f64 * STRETCHES as f64) as usize;
    let last = session.intervals.last().map_or(session.interval_bytes, |last| last.interval_bytes);
    let mut next = 0;
    for pair in session.intervals.windows(2) {
        next = part(pair[1].time_us).min(STRETCHES - 1);
        for at in &mut parts[part(pair[0].time_us).min(STRETCHES - 1)..=next] {
            *at = at.max(finite(pair[0].interval_bytes));
        }
    }
    for at in &mut parts[next..] {
        *at = at.max(finite(last));
    }
    let mut stretches: Vec<(usize, usize, f64)> = Vec::new();
    for (index, bytes) in parts.into_iter().enumerate() {
        match stretches.last_mut().filter(|stretch| stretch.2 == bytes) {
            Some(stretch) => stretch.1 = index + 1,
            None => stretches.push((index, index + 1, bytes)),
        }
    }
    stretches
}

/// A shade for each halving.
fn shade(bytes: f64, greatest: f64) -> Role {
    if bytes <= 0.0 {
        return HEAT[0];
    }
    let halvings = (greatest / bytes).log2().round().clamp(0.0, 3.0) as usize;
    HEAT[3 - halvings.min(3)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::IntervalStart;

    #[test]
    fn an_interval_holds_until_the_next_one() {
        let start = |time_us, interval_bytes| IntervalStart { time_us, interval_bytes };
        let mut session =
            SessionInfo { intervals: vec![start(0, 1.0), start(80, 4.0)], ..SessionInfo::default() };
        assert_eq!(stretches(&session, 160), [(0, 80, 1.0), (80, 160, 4.0)]);
        session.intervals.clear();
        session.interval_bytes = 7.0;
        assert_eq!(stretches(&session, 160), [(0, 160, 7.0)]);
        session.interval_bytes = f64::NAN;
        session.intervals = vec![start(u64::MAX, f64::INFINITY); 3];
        assert_eq!(stretches(&session, 0).len(), 1);
    }
}
