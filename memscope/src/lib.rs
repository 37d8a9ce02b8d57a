//! (being laid)
mod attribute;
pub use memscope_macros::profile;
#[doc(hidden)]
pub mod __private {
    pub use crate::attribute::{Entered, Function, Options, enter};
}
