//! Figures as a person reads them: three significant digits, the zeros at the end left off, and a unit.
//!
//! Bytes go in steps of 1024 (`KiB`, `MiB`, ...), counts in steps of 1000 (`k`, `M`, ...), times in the units
//! of a clock. Where every digit counts there is [`digits`]. Nothing here can fail: what is not a number is shown
//! as `n/a`.

const BYTE_UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
const COUNT_UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// Bytes in binary units: `0 B`, `512 B`, `1.5 MiB`, `-3 KiB`.
///
/// ```
/// assert_eq!(memscope_report::units::bytes(1_572_864.0), "1.5 MiB");
/// ```
pub fn bytes(value_bytes: f64) -> String {
    scaled(value_bytes, 1024.0, &BYTE_UNITS)
}

/// A number of things in decimal units: `0`, `950`, `12.3 k`, `4.56 M`.
pub fn count(value: f64) -> String {
    scaled(value, 1000.0, &COUNT_UNITS)
}

/// Every digit of a number, in groups of three: `1,234,567`.
pub fn digits(value: impl Into<i128>) -> String {
    let value = value.into();
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How many of what is called `one`, every digit: `1 thread`, `1,234 threads`. The plural must be regular.
pub(crate) fn things(number: impl Into<i128>, one: &str) -> String {
    let number = number.into();
    format!("{} {one}{}", digits(number), if number == 1 { "" } else { "s" })
}

/// ` (process 77)`; nothing where it is not known, or several were merged.
pub(crate) fn process(id: u32) -> String {
    if id == 0 { String::new() } else { format!(" (process {id})") }
}

/// Two ends of an interval, written by `format` ([`bytes`] or [`count`]), the unit only once where it is the
/// same: `1.1 to 1.3 GiB`, `900 KiB to 1.1 MiB`.
pub fn range(low: f64, high: f64, format: fn(f64) -> String) -> String {
    let (low, high) = (format(low), format(high));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// A part of a whole, given as a fraction (`0.123` for 12.3%): `12.3%`, `<0.01%`.
///
/// ```
/// assert_eq!(memscope_report::units::percent(1.0 / 8.0), "12.5%");
/// ```
pub fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    if value > 0.0 && value < 0.01 {
        return "<0.01%".to_owned();
    }
    format!("{}%", significant(value))
}

/// A time in microseconds: `850 µs`, `1.25 s`, `2 min 5 s`, `3 h 20 min`, `4 d 6 h`.
pub fn duration_us(value_us: u64) -> String {
    match value_us {
        0..=999 => format!("{value_us} µs"),
        1_000..=999_499 => format!("{} ms", significant(value_us as f64 / 1e3)),
        999_500..=59_949_999 => format!("{} s", significant(value_us as f64 / 1e6)),
        _ => long_duration(value_us.saturating_add(500_000) / 1_000_000),
    }
}

/// The two largest units of a time of a minute or more; the smaller one only where it is not zero.
fn long_duration(seconds: u64) -> String {
    let (large, large_unit, small, small_unit) = match seconds {
        0..=3_599 => (seconds / 60, "min", seconds % 60, "s"),
        3_600..=86_399 => (seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    };
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// `value` in the largest of `units` that leaves at least 1, each unit `step` times the one before.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let (mut scaled, mut unit) = (value, 0);
    // Half a digit below the step the rounding would show "1024 KiB" for what is 1 MiB.
    while scaled.abs() >= step - 0.5 && unit + 1 < units.len() {
        scaled /= step;
        unit += 1;
    }
    match units[unit] {
        "" => significant(scaled),
        name => format!("{} {name}", significant(scaled)),
    }
}

/// Three significant digits (all of those before the point), without zeros at the end of the fraction.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e6 {
        return format!("{value:.2e}");
    }
    let decimals = match magnitude {
        m if m >= 99.95 => 0,
        m if m >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_binary_units() {
        for (value, text) in [
            (0.0, "0 B"),
            (-0.0, "0 B"),
            (1.0, "1 B"),
            (512.0, "512 B"),
            (1023.0, "1023 B"),
            (1024.0, "1 KiB"),
            (1536.0, "1.5 KiB"),
            (1_572_864.0, "1.5 MiB"),
            (1_048_575.0, "1 MiB"),
            (12_897_484.8, "12.3 MiB"),
            (-3072.0, "-3 KiB"),
            (u64::MAX as f64, "16 EiB"),
            (f64::NAN, "n/a"),
            (f64::INFINITY, "n/a"),
        ] {
            assert_eq!(bytes(value), text, "{value}");
        }
        assert_eq!(bytes(f64::MAX), "1.49e284 YiB");
    }

    #[test]
    fn counts_have_decimal_units() {
        for (value, text) in [
            (0.0, "0"),
            (3.4, "3.4"),
            (950.0, "950"),
            (999.6, "1 k"),
            (12_345.0, "12.3 k"),
            (4_560_000.0, "4.56 M"),
            (u64::MAX as f64, "18.4 E"),
        ] {
            assert_eq!(count(value), text, "{value}");
        }
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(digits(value), text);
        }
        assert_eq!(digits(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn the_ends_of_a_range_share_their_unit() {
        assert_eq!(range(1.1 * 1048576.0, 1.3 * 1048576.0, bytes), "1.1 to 1.3 MiB");
        assert_eq!(range(921_600.0, 1.1 * 1048576.0, bytes), "900 KiB to 1.1 MiB");
        assert_eq!(range(5.0, 7.0, count), "5 to 7");
    }

    #[test]
    fn percents_are_of_a_fraction() {
        for (value, text) in [
            (0.0, "0%"),
            (0.123, "12.3%"),
            (1.0, "100%"),
            (0.00001, "<0.01%"),
            (2.5, "250%"),
            (f64::NAN, "n/a"),
        ] {
            assert_eq!(percent(value), text, "{value}");
        }
    }

    #[test]
    fn durations_have_the_units_of_a_clock() {
        for (value, text) in [
            (0, "0 µs"),
            (850, "850 µs"),
            (1_500, "1.5 ms"),
            (999_499, "999 ms"),
            (999_600, "1 s"),
            (1_250_000, "1.25 s"),
            (59_949_999, "59.9 s"),
            (59_960_000, "1 min"),
            (125_000_000, "2 min 5 s"),
            (12_000_000_000, "3 h 20 min"),
            (u64::MAX, "213503982 d 8 h"),
        ] {
            assert_eq!(duration_us(value), text, "{value}");
        }
    }
}
