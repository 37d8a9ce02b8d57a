//! In the making.
use crate::harness::Scenario;
pub(crate) const SCENARIOS: &[Scenario] = &[];
pub(crate) const CHILDREN: &[(&str, fn())] = &[];
