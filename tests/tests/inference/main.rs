//! Laws of algorithms and of what they give: evidence, posteriors, predictions, the same bits again, and what is refused.

mod annealing;
mod bad_input;
mod calibration;
mod chees;
mod columns;
mod conformance;
mod eight_schools;
mod evidence;
mod interweaved;
mod kept;
mod layerwise;
mod logistic;
mod mutants;
mod optimise;
mod pitfalls;
mod population;
mod predictions;
mod product;
mod reproducibility;
mod scales;
mod starts;
mod stochastic;
mod swag;
mod variational;
mod verdict;
mod without_draws;
