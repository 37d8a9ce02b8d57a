//! Charts and page from the outside: the same bytes as last time, well-formed whatever the trace holds, nothing
//! over anything else, and no script that the page does not know.
#![cfg(feature = "charts")]

mod extremes;
mod fixture;
mod golden;
mod hostile;
mod layout;
mod markup;
mod over_time;
mod page;
mod sha256;
