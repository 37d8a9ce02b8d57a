//! Black-box tests of the stream: what is written is read back, whatever lies between.

mod bytes;
mod damage;
mod format_md;
mod golden;
mod hostile;
mod kinds;
mod records;
mod round_trip;
mod sources;
mod sweep;
