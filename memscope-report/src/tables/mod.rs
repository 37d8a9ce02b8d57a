//! What the command prints: tables for a terminal, and JSON for machines.
//!
//! Every function writes to an [`io::Write`](std::io::Write). In JSON, exact figures are integers of bytes and counts, and estimates are
//! objects `{"value": ..., "low": ..., "high": ...}` with the 95% interval; a figure that is not finite is `null`. Names come from the
//! trace, so in neither does a character reach a terminal that could move its cursor or turn its text: tables show U+FFFD for it, JSON
//! its `\u` escape.

mod check;
mod diff;
mod info;
mod json;
mod layout;
mod leaks;
mod scopes;
mod summary;
mod tasks;
mod top;
mod tree;

pub use check::{write_check, write_check_json};
pub use diff::{write_diff, write_diff_json};
pub use info::{write_info, write_info_json};
pub use layout::TextOptions;
pub use leaks::{write_leaks, write_leaks_json};
pub use scopes::{ScopeColumns, ScopeOptions, write_scopes, write_scopes_json};
pub use summary::write_summary_json;
pub use tasks::{write_tasks, write_tasks_json};
pub use top::{TopTitle, write_top, write_top_json};
pub use tree::{write_tree, write_tree_json};
