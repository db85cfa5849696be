//! Laws of models as they are declared: what the macro writes, parameters of every form, and the ready-made models.

// Users' models are public, and what they leave out is theirs.
#[allow(unreachable_pub, clippy::unused_self)]
mod forms;
mod generated;
mod models;
mod own_layers;
mod parameters;
mod rules;
mod values;
