//! What is wrong with the trace or was lost: each one sentence that says what it means for the figures.

use crate::load::Profile;
use crate::symbolize::Symbols;
use crate::units;
use memscope_trace::EndReason;

/// What is wrong with a trace and its names, or was lost, each one sentence, the gravest first; none when all is well. The same as
/// [`Analysis::warnings`](super::Analysis::warnings), without the analysis.
#[must_use]
pub fn warnings(profile: &Profile, symbols: &Symbols) -> Vec<String> {
    let mut warnings = Vec::new();
    end(profile, &mut warnings);
    damage(profile, &mut warnings);
    loss(profile, &mut warnings);
    super::scopes::warnings(profile, &mut warnings);
    references(profile, &mut warnings);
    warnings.extend(symbols.notes().iter().cloned());
    warnings
}

fn end(profile: &Profile, warnings: &mut Vec<String>) {
    match profile.end.map(|end| EndReason::from_u8(end.reason)) {
        None => warnings.push(format!(
            "The trace has no end{}: the program was killed, crashed, or still runs; the figures are those up to {}.",
            match profile.read.torn_tail_bytes {
                0 => String::new(),
                bytes => format!(" (it was cut inside its last block, of which {} are there)", units::bytes(bytes as f64)),
            },
            units::duration_us(profile.duration_us)
        )),
        Some(EndReason::WriteFailed) => warnings.push(format!(
            "Writing the trace failed (a full disk?): samples and stacks are those up to then; the totals are exact \
             up to {}.",
            units::duration_us(profile.duration_us)
        )),
        // An exit without `finalize` leaves nothing out: `info` tells of it.
        Some(_) => {}
    }
}

fn damage(profile: &Profile, warnings: &mut Vec<String>) {
    let read = &profile.read;
    if profile.header_damaged {
        warnings
            .push("The file's header is damaged; the blocks behind it were read all the same.".to_owned());
    }
    let lost_blocks = read.damaged_blocks.saturating_add(read.missing_blocks);
    if lost_blocks > 0 || read.skipped_bytes > 0 {
        warnings.push(format!(
            "The trace is damaged: {} of {} are lost ({} skipped) with {}; the other blocks were used.",
            units::digits(lost_blocks),
            units::things(lost_blocks.saturating_add(read.blocks), "block"),
            units::bytes(read.skipped_bytes as f64),
            units::things(profile.irregular.missing_samples, "sample")
        ));
    }
    if read.out_of_order_blocks > 0 {
        warnings.push(format!(
            "{} blocks are not where they were written (moved or copied in the file); what they repeat was left out.",
            read.out_of_order_blocks
        ));
    }
    if read.unknown_blocks > 0 {
        warnings.push(format!(
            "{} blocks are of a kind that this version does not know: use the memscope-report of the memscope that \
             wrote the trace.",
            read.unknown_blocks
        ));
    }
    // Of a trace without an end that has been said.
    if read.torn_tail_bytes > 0 && profile.end.is_some() {
        warnings.push(format!(
            "Behind the trace's end stands something else: {} that could not be used.",
            units::bytes(read.torn_tail_bytes as f64)
        ));
    }
}

fn loss(profile: &Profile, warnings: &mut Vec<String>) {
    let loss = &profile.loss;
    let drawn = profile.samples as f64 + loss.buffer_full as f64 + loss.table_full as f64;
    for (lost, reason) in [
        (loss.buffer_full, "their thread's buffer was full; raise buffer_size or lower sample_rate"),
        (loss.table_full, "the table of live samples was full; lower sample_rate"),
    ] {
        if lost > 0 {
            warnings.push(format!(
                "{lost} samples ({}) were lost because {reason}. The estimates allow for them, as if they were like \
                 the others.",
                units::percent(lost as f64 / drawn)
            ));
        }
    }
    if loss.stacks > 0 {
        warnings.push(format!("{} samples have no stack because no unwinder was free.", loss.stacks));
    }
    if profile.session.unwinder == "none" && profile.samples > 0 {
        warnings.push(
            "No stacks were recorded: build the program with `-C force-frame-pointers=yes` or turn on memscope's \
             feature `framehop`."
                .to_owned(),
        );
    }
}

fn references(profile: &Profile, warnings: &mut Vec<String>) {
    let irregular = &profile.irregular;
    for (number, what) in [
        (irregular.samples_without_site, "samples refer to a call site that the trace does not define"),
        (
            irregular.samples_without_interval,
            "samples refer to a sampling interval that the trace does not define",
        ),
        (irregular.repeated_samples, "samples repeat an earlier one's number and were left out"),
        (irregular.frees_without_sample, "frees refer to a sample that is not there and were left out"),
        (irregular.unusable_rows, "rows of tables repeat or exceed a number and were left out"),
    ] {
        if number > 0 {
            warnings.push(format!("{number} {what}."));
        }
    }
}
