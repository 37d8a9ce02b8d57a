//! Colours by their role, in light and dark.
//!
//! plotters writes colours as literal hexadecimal attributes. Each role has one of its own, so a style sheet
//! inside the SVG can turn `fill="#0072B2"` into `var(--memscope-allocated)`, and the variables change with
//! the reader's colour scheme, or with `data-theme` on the page's root. A viewer that knows no style sheets
//! shows the light colours.
//!
//! Blue, vermilion, purple and the greys are told apart by readers with any colour vision (after Okabe and
//! Ito, 2008), and no chart tells two things apart by colour alone.

use plotters::style::RGBColor;
use std::fmt::Write;

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The background.
    Paper,
    /// Text, whiskers, the peak's mark.
    Ink,
    /// Text of second rank.
    Muted,
    /// Lines of the grid.
    Grid,
    /// Allocated and live heap, exact.
    Allocated,
    /// Freed.
    Freed,
    /// Resident set size.
    Resident,
    /// An estimate.
    Estimate,
    /// The part of an estimate that is live at the end.
    Live,
    /// What is lumped together.
    Rest,
    /// The shades of a heat map, from little to much.
    Heat1,
    Heat2,
    Heat3,
    Heat4,
    Heat5,
    /// Text on the two strongest shades; on the others it is ink.
    OnHeat,
    /// The layers of a stack, from the bottom: light and dark by turns, so that neighbours differ for every eye.
    Layer1,
    Layer2,
    Layer3,
    Layer4,
    Layer5,
    Layer6,
    Layer7,
    Layer8,
}

/// The shades of a heat map, from little to much.
pub(super) const HEAT: [Role; 5] = [Role::Heat1, Role::Heat2, Role::Heat3, Role::Heat4, Role::Heat5];

/// The layers of a stack, from the bottom.
pub(super) const LAYERS: [Role; 8] = [
    Role::Layer1,
    Role::Layer2,
    Role::Layer3,
    Role::Layer4,
    Role::Layer5,
    Role::Layer6,
    Role::Layer7,
    Role::Layer8,
];

/// Role, its variable's name, its colour in light and in dark.
const ROLES: [(Role, &str, u32, u32); 24] = [
    (Role::Paper, "paper", 0xFFFFFF, 0x15191E),
    (Role::Ink, "ink", 0x1B1F24, 0xE6E9ED),
    (Role::Muted, "muted", 0x5A636D, 0x9DA7B1),
    (Role::Grid, "grid", 0xDDE2E7, 0x2F363E),
    (Role::Allocated, "allocated", 0x0072B2, 0x56B4E9),
    (Role::Freed, "freed", 0xD55E00, 0xF0A030),
    (Role::Resident, "resident", 0x9C4A86, 0xD993C0),
    (Role::Estimate, "estimate", 0x74B3DB, 0x2F6F9B),
    (Role::Live, "live", 0x0A4C86, 0x9AD4FA),
    (Role::Rest, "rest", 0x8C959F, 0x77818B),
    (Role::Heat1, "heat-1", 0xE3EEF7, 0x1F303E),
    (Role::Heat2, "heat-2", 0xB5D4EB, 0x254C6A),
    (Role::Heat3, "heat-3", 0x7FB6DF, 0x2C6A97),
    (Role::Heat4, "heat-4", 0x2A78B5, 0x5AA5DA),
    (Role::Heat5, "heat-5", 0x0B4A82, 0xA9DBFA),
    (Role::OnHeat, "on-heat", 0xFDFEFF, 0x0B0F14),
    (Role::Layer1, "layer-1", 0x1D5F96, 0x2D72AD),
    (Role::Layer2, "layer-2", 0xF2A93B, 0xF5B95A),
    (Role::Layer3, "layer-3", 0x1B7A5A, 0x23876A),
    (Role::Layer4, "layer-4", 0xE8D34A, 0xEBDD7A),
    (Role::Layer5, "layer-5", 0x8A2A5B, 0xA44576),
    (Role::Layer6, "layer-6", 0x7CC4EE, 0x93D0F4),
    (Role::Layer7, "layer-7", 0xA8480C, 0xB6581E),
    (Role::Layer8, "layer-8", 0xEDA6C8, 0xF0B8D4),
];

impl Role {
    /// The colour that plotters is to write.
    pub(super) fn color(self) -> RGBColor {
        let [_, red, green, blue] = self.light().to_be_bytes();
        RGBColor(red, green, blue)
    }

    /// The role of text on something of this one.
    pub(super) fn text(self) -> Role {
        if matches!(self, Role::Heat4 | Role::Heat5) { Role::OnHeat } else { Role::Ink }
    }

    fn light(self) -> u32 {
        ROLES[self as usize].2
    }
}

/// The variables, in light and dark, and in light for paper.
pub(crate) fn variables() -> String {
    let light = declarations(|role| role.2);
    let dark = declarations(|role| role.3);
    format!(
        ":root{{color-scheme:light dark;{light}}}\n\
         @media(prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n\
         :root[data-theme=light]{{color-scheme:light}}\n\
         :root[data-theme=dark]{{color-scheme:dark;{dark}}}\n\
         @media print{{:root:root:root{{color-scheme:light;{light}}}}}\n"
    )
}

fn declarations(color: impl Fn(&(Role, &str, u32, u32)) -> u32) -> String {
    ROLES.iter().fold(String::new(), |mut out, role| {
        // Writing to a string cannot fail.
        let _ = write!(out, "--memscope-{}:#{:06X};", role.1, color(role));
        out
    })
}

/// The rules that give the elements of a chart (inside an element of class `memscope`) their role's variable.
pub(crate) fn rules() -> String {
    let mut out = String::from(
        ".memscope line,.memscope rect,.memscope polyline[stroke-width=\"1\"]{shape-rendering:crispEdges}\n",
    );
    for (_, name, light, _) in ROLES {
        for property in ["fill", "stroke"] {
            let _ = writeln!(
                out,
                ".memscope [{property}=\"#{light:06X}\"]{{{property}:var(--memscope-{name},#{light:06X})}}"
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_finds_its_own_row_and_no_two_share_a_colour() {
        for (index, (role, name, light, dark)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, index, "{name}");
            assert!(ROLES[..index].iter().all(|other| other.2 != *light && other.3 != *dark), "{name}");
        }
    }

    /// Relative luminance after WCAG 2.
    fn luminance(color: u32) -> f64 {
        let [_, red, green, blue] = color.to_be_bytes();
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_in_light_and_dark() {
        let (_, _, light_paper, dark_paper) = ROLES[Role::Paper as usize];
        for (role, name, light, dark) in ROLES {
            let least = match role {
                Role::Paper | Role::Grid | Role::OnHeat => continue,
                Role::Ink | Role::Muted => 4.5,
                Role::Estimate => 2.2,
                // Shades have text on them; layers have edges of paper.
                role if HEAT.contains(&role) => 1.0,
                role if LAYERS.contains(&role) => 1.4,
                _ => 3.0,
            };
            assert!(contrast(light, light_paper) >= least, "{name} in light");
            assert!(contrast(dark, dark_paper) >= least, "{name} in dark");
        }
        let (live, estimate) = (ROLES[Role::Live as usize], ROLES[Role::Estimate as usize]);
        assert!(contrast(live.2, estimate.2) >= 3.0 && contrast(live.3, estimate.3) >= 3.0);
    }

    #[test]
    fn text_is_readable_on_every_shade_and_shades_grow_darker_or_lighter() {
        let rows = HEAT.map(|role| ROLES[role as usize]);
        for (role, name, light, dark) in rows {
            let text = ROLES[role.text() as usize];
            assert!(contrast(light, text.2) >= 4.5 && contrast(dark, text.3) >= 4.5, "{name}");
        }
        for pair in rows.windows(2) {
            assert!(contrast(pair[0].2, pair[1].2) >= 1.2, "{} in light", pair[1].1);
            assert!(contrast(pair[0].3, pair[1].3) >= 1.2, "{} in dark", pair[1].1);
        }
    }

    /// What a reader with protanopia or deuteranopia sees (Viénot, Brettel and Mollon 1999), in linear light.
    fn seen(color: u32, deficiency: [[f64; 3]; 3]) -> [f64; 3] {
        let [_, red, green, blue] = color.to_be_bytes();
        let linear = [red, green, blue].map(|channel| (f64::from(channel) / 255.0).powf(2.2));
        deficiency.map(|row| row.iter().zip(linear).map(|(a, b)| a * b).sum::<f64>().max(0.0).powf(1.0 / 2.2))
    }

    #[test]
    fn neighbouring_layers_are_told_apart_by_every_eye() {
        let everybody = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let protanopia = [[0.1124, 0.8876, 0.0], [0.1124, 0.8876, 0.0], [0.004, -0.004, 1.0]];
        let deuteranopia = [[0.2927, 0.7073, 0.0], [0.2927, 0.7073, 0.0], [-0.0223, 0.0223, 1.0]];
        let layers = LAYERS.map(|role| ROLES[role as usize]);
        for eye in [everybody, protanopia, deuteranopia] {
            for pair in layers.windows(2) {
                for (one, other) in [(pair[0].2, pair[1].2), (pair[0].3, pair[1].3)] {
                    let (a, b) = (seen(one, eye), seen(other, eye));
                    let distance = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                    assert!(distance >= 0.25, "{} and {}: {distance}", pair[0].1, pair[1].1);
                    assert!(contrast(one, other) >= 1.8, "{} and {}", pair[0].1, pair[1].1);
                }
            }
        }
    }
}
