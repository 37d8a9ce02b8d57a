//! Markdown tables, and what a few figures have in common.

use std::fmt;

/// Median, least and most of a few figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let middle = figures.len() / 2;
        let median =
            if figures.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 };
        Self { median, least: at(0), most: at(figures.len().wrapping_sub(1)) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.median < 10.0 { 3 } else { 1 };
        write!(f, "{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }
}

/// Prints a table, its columns lined up.
pub(crate) fn print(head: &[&str], lines: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let show = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("| {} |", cells.join(" | "));
    };
    show(&mut head.iter().copied());
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    show(&mut rules.iter().map(String::as_str));
    for line in lines {
        show(&mut line.iter().map(String::as_str));
    }
}

/// One table over all workloads: a line for each row, a column for each workload.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    workloads: Vec<&'static str>,
    /// Name, what it is compared with, a figure for each workload.
    lines: Vec<Vec<String>>,
}

impl Summary {
    /// Adds a workload's figures, each as name, what it is compared with, and figure; always the same rows.
    pub(crate) fn add(&mut self, workload: &'static str, figures: Vec<[String; 3]>) {
        self.workloads.push(workload);
        if self.lines.is_empty() {
            self.lines = figures.into_iter().map(Vec::from).collect();
            return;
        }
        for (line, [_, _, figure]) in self.lines.iter_mut().zip(figures) {
            line.push(figure);
        }
    }

    /// Prints it, if there are several workloads.
    pub(crate) fn print(&self, title: &str) {
        if self.workloads.len() > 1 {
            println!("\n### {title}\n");
            let head: Vec<&str> =
                ["program", "against"].into_iter().chain(self.workloads.iter().copied()).collect();
            print(&head, &self.lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()).to_string(), "2.000 (1.000 to 3.000)");
        assert_eq!(Spread::of([30.0, 10.0].into_iter()).to_string(), "20.0 (10.0 to 30.0)");
    }
}
