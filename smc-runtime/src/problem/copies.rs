//! Particles and their copies: which are the same, and other vectors of the same function.

use super::population::Population;
use crate::base::rng::{Purpose, Streams};
use crate::model::symmetry::{HiddenLayer, Symmetries};

impl Population {
    /// Which vectors are those of `other`, to the last bit.
    pub fn same_as(&self, other: &Self) -> Vec<bool> {
        let bits = |population: &Self, i: usize| -> Vec<u32> {
            population.row(i).iter().map(|x| x.to_bits()).collect()
        };
        let rows = (0..self.len()).map(|i| bits(self, i) == bits(other, i));
        rows.collect()
    }

    /// Takes every particle to a random copy of it, another parameter vector of the same function.
    pub fn go_to_copies(
        &mut self,
        symmetries: &Symmetries,
        streams: Streams,
        stage: usize,
        draw: usize,
    ) {
        let first = self.first();
        self.on_host().map_rows(|k, theta| {
            let mut stream = streams.stream(Purpose::Propose, stage, first + k, draw);
            symmetries.apply(&symmetries.random(&mut stream), theta);
        });
    }

    /// Rescales some neurons of a layer in every particle, each neuron by its own factor, whose logarithm is normal with a standard deviation that
    /// is log-uniform between 0.01 and 1 for each particle. Gives the sum of the logarithms for each.
    pub fn rescale_neurons(
        &mut self,
        layer: &HiddenLayer,
        neurons: &[usize],
        (streams, stage, draw): (Streams, usize, usize),
    ) -> Vec<f64> {
        const NARROWEST: f64 = 0.01;
        let first = self.first();
        self.on_host().map_rows(|k, theta| {
            let mut stream = streams.stream(Purpose::Propose, stage, first + k, draw);
            let width = NARROWEST.powf(stream.uniform());
            let mut sum = 0.0;
            for &neuron in neurons {
                let log = width * stream.normal();
                layer.rescale(neuron, log, theta);
                sum += log;
            }
            sum
        })
    }
}
