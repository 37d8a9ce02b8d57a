//! Scopes: exact figures of functions, futures, tasks and what is entered by hand.

mod by_hand;
mod figures;
mod functions;
mod futures;
mod instances;
mod paths;
mod tasks;
