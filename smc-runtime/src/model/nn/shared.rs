//! A dense layer on the features, which all particles share: one product for all of them.

use std::any::Any;

use dfdx::prelude::{
    Axes2, Axes3, Axis, BroadcastTo, Cpu, Gradients, HasShape, NoneTape, PermuteTo, PutTape,
    ReshapeTo, SplitTape, Storage, TryMatMul,
};

use crate::model::tensor::{Act, Device, FieldParams, Float, Leaf, SharedTape, Tape};

/// y = W x + b for the rows of `features`, of shape (1, rows, I); the result has shape (particles, rows, O).
///
/// The weights of P particles are one matrix of shape (P·O × I), so that the first layer, which is often the widest, is one
/// product with (I × rows). Nobody asks for a derivative with respect to the features, so none is computed: half of what
/// the way back through such a layer costs.
pub(super) fn affine<E: Float, D: Device<E>, T: Tape<E, D>>(
    parameters: &FieldParams<'_, E, D, T>,
    features: &Act<E, D, NoneTape>,
    (inputs, outputs): (usize, usize),
    biased: bool,
) -> Act<E, D, T> {
    let &(_, rows, _) = features.shape();
    let (weight, tape) = parameters.block(0).split_tape();
    let &(particles, _) = weight.shape();
    let x = features.clone().reshape_like(&(rows, inputs));
    let y = product(weight, tape, x, particles * outputs);
    let bias = biased.then(|| parameters.block(1));
    if particles == 1 {
        let y = y.reshape_like(&(1, rows, outputs));
        return match bias {
            Some(bias) => y + bias.broadcast_like::<_, Axis<1>>(&(1, rows, outputs)),
            None => y,
        };
    }
    let y = y.reshape_like(&(particles, outputs, rows));
    let y = match bias {
        Some(bias) => y + bias.broadcast_like::<_, Axis<2>>(&(particles, outputs, rows)),
        None => y,
    };
    y.permute::<(usize, usize, usize), Axes3<0, 2, 1>>()
}

/// The product of `all` rows of weights with x, of shape (rows, I): (all, rows), or (rows, all) for one particle, whose
/// outputs then lie row by row.
fn product<E: Float, D: Device<E>, T: Tape<E, D>>(
    weight: Leaf<E, D, NoneTape>,
    mut tape: T,
    x: Leaf<E, D, NoneTape>,
    all: usize,
) -> Leaf<E, D, T> {
    let &(particles, _) = weight.shape();
    let &(_, inputs) = x.shape();
    let matrix = weight.clone().reshape_like(&(all, inputs));
    let y = if particles == 1 {
        let turned = matrix.permute::<(usize, usize), Axes2<1, 0>>();
        x.clone().matmul(turned)
    } else {
        let turned = x.clone().permute::<(usize, usize), Axes2<1, 0>>();
        matrix.matmul(turned)
    };
    let of_y = y.ghost();
    tape.add_backward_op(move |gradients| {
        gradients.get_or_alloc_mut(&of_y)?;
        let dy = gradients.get(&of_y);
        let slope = if particles == 1 {
            let turned = dy.permute::<(usize, usize), Axes2<1, 0>>();
            turned.try_matmul(x)?
        } else {
            dy.try_matmul(x)?
        };
        let slope = slope.try_reshape_like(weight.shape())?;
        add(slope, weight, gradients)
    });
    y.put_tape(tape)
}

/// Adds `slope` to the derivative with respect to `weight`.
fn add<E: Float, D: Device<E>>(
    slope: Leaf<E, D, NoneTape>,
    weight: Leaf<E, D, NoneTape>,
    gradients: &mut Gradients<E, D>,
) -> Result<(), D::Err> {
    let into: &mut dyn Any = gradients.get_or_alloc_mut(&weight)?;
    if let Some(into) = into.downcast_mut::<<Cpu as Storage<E>>::Vec>() {
        let mut numbers = vec![E::narrow(0.0); into.len()];
        slope.copy_into(&mut numbers);
        for (into, slope) in into.iter_mut().zip(numbers) {
            *into += slope;
        }
        return Ok(());
    }
    add_by_tape(slope, weight, gradients)
}

/// The same where nobody can look into the memory: dfdx adds to a derivative only on the way back through an operation of its
/// own. The derivative of weight ⊙ slope, summed, with respect to the weight is the slope.
fn add_by_tape<E: Float, D: Device<E>>(
    slope: Leaf<E, D, NoneTape>,
    weight: Leaf<E, D, NoneTape>,
    gradients: &mut Gradients<E, D>,
) -> Result<(), D::Err> {
    let weighed = weight.put_tape(SharedTape::recording()) * slope;
    let (weighed, record) = weighed.split_tape();
    let ones = gradients.get_or_alloc_mut(&weighed.ghost())?;
    weighed.device().try_fill_with_ones(ones)?;
    record.backward(gradients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tensor::from_vec;

    #[test]
    fn both_ways_add_the_slope_to_what_is_there() {
        let cpu = Cpu::default();
        let weight = from_vec(&cpu, &[3.0f32, f32::MAX, -1.0, 0.0], (2, 2));
        let slope = |scale: f32| {
            let slope = [0.5, -2.0, 1.0, 4.0].map(|x| x * scale);
            from_vec(&cpu, &slope, (2, 2))
        };
        for way in [add::<f32, Cpu>, add_by_tape::<f32, Cpu>] {
            let mut gradients = Gradients::leaky();
            way(slope(1.0), weight.clone(), &mut gradients).unwrap();
            way(slope(2.0), weight.clone(), &mut gradients).unwrap();
            let found = gradients.get(&weight).as_vec();
            assert_eq!(found, [1.5, -6.0, 3.0, 12.0]);
        }
    }
}
