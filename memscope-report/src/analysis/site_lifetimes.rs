//! How long the allocations of each call site live, from the trace read once more.
//!
//! A [`Profile`] keeps the mean lifetime of a site only: a table of sites by classes would take memory for the hundred thousand sites
//! that nobody looks at. Here the samples pass by once more and are counted for the sites that are shown, so memory follows these.
//! The classes are those of the whole process (`lifetimes.rs`), and what is live at the end is a censored observation here as there.

use super::lifetimes::lifetimes;
use super::types::{Analysis, LifetimeBucket};
use crate::error::ReportError;
use crate::load::{Event, Fate, LifetimeClass, Profile, replay};
use crate::statistics::Losses;
use std::io::Read;

/// The lifetimes of the first `sites` of [`Analysis::sites`], from the trace in `source` that `profile` was read from. What is lost is
/// allowed for, so a site's allocations over all classes, freed and live, are its estimated allocations. Put the result into
/// [`Analysis::site_lifetimes`] for the page to show it.
///
/// ```no_run
/// use memscope_report::analysis::site_lifetimes;
/// use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
/// let profile = Profile::open("trace.bin")?;
/// let mut analysis = analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()));
/// let trace = std::fs::File::open("trace.bin").expect("it was there");
/// analysis.site_lifetimes = site_lifetimes(trace, &profile, &analysis, 100)?;
/// for class in &analysis.site_lifetimes[0] {
///     println!("up to {:?} us: {} bytes freed", class.up_to_us, class.freed_bytes.value);
/// }
/// # Ok::<(), memscope_report::ReportError>(())
/// ```
///
/// # Errors
/// [`ReportError::Trace`] if the trace cannot be read again.
pub fn site_lifetimes(
    source: impl Read + Send,
    profile: &Profile,
    analysis: &Analysis,
    sites: usize,
) -> Result<Vec<Vec<LifetimeBucket>>, ReportError> {
    let mut classes: Vec<Vec<LifetimeClass>> = vec![Vec::new(); sites.min(analysis.sites.len())];
    replay(source, profile, |event| {
        let Event::Ended(sample, fate, end_us) = event else { return Ok::<(), ReportError>(()) };
        let place = sample.site_row.and_then(|row| *analysis.site_of_row.get(row as usize)?);
        let Some(classes) = place.and_then(|place| classes.get_mut(place as usize)) else { return Ok(()) };
        let class = LifetimeClass::of(classes, end_us.saturating_sub(sample.time_us));
        let amount = if fate == Fate::Live { &mut class.live } else { &mut class.freed };
        // The probability has the losses in it.
        let probability = 1.0 / sample.allocations;
        amount.allocations.add(1.0, probability);
        amount.bytes.add(sample.bytes / sample.allocations, probability);
        Ok(())
    })?;
    Ok(classes.iter().map(|classes| lifetimes(classes, Losses::default())).collect())
}
