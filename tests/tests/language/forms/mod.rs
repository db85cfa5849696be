//! What the language accepts, one file per form: each builds, and what it says of itself is so.

mod categorical;
mod dyn_sizes;
mod generic;
mod heteroscedastic;
mod hierarchy;
mod inside_a_function;
mod likelihoods;
mod own_names;
mod own_pieces;
mod parameters_only;
mod plain;
mod values;
