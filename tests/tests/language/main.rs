//! Laws of models as they are declared: what the macro writes, parameters of every form, and the ready-made models.

mod generated;
mod models;
mod own_layers;
mod parameters;
mod rules;
mod values;
