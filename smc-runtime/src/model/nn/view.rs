//! Typed, copy-free views of a parameter vector.

use crate::model::layout::Block;

/// The blocks of one field within one parameter vector.
#[derive(Clone, Copy, Debug)]
pub struct BlockSlices<'a> {
    blocks: &'a [Block],
    theta: &'a [f32],
}

impl<'a> BlockSlices<'a> {
    /// The blocks `blocks` of the flat, unconstrained vector `theta`.
    pub fn new(blocks: &'a [Block], theta: &'a [f32]) -> Self {
        Self { blocks, theta }
    }

    /// The elements of block number `i` in unconstrained coordinates (equal to the parameter for real blocks).
    pub fn slice(&self, i: usize) -> &'a [f32] {
        &self.theta[self.blocks[i].range.clone()]
    }

    /// Name, shape and support of block number `i`.
    pub fn block(&self, i: usize) -> &'a Block {
        &self.blocks[i]
    }

    /// Block number `i` as a matrix of its first dimension by the rest.
    pub fn matrix(&self, i: usize) -> Matrix<'a> {
        let shape = &self.block(i).shape;
        let rows = shape.first().copied().unwrap_or(1);
        Matrix {
            rows,
            columns: self.block(i).range.len() / rows.max(1),
            values: self.slice(i),
        }
    }
}

/// Something that can be read from the blocks of a field.
pub trait View<'a>: Sized {
    /// Reads it; must not copy real blocks.
    fn view(blocks: BlockSlices<'a>) -> Self;
}

impl<'a> View<'a> for () {
    fn view(_: BlockSlices<'a>) -> Self {}
}

/// The field's blocks themselves, for layers that need no better view.
impl<'a> View<'a> for BlockSlices<'a> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        blocks
    }
}

/// A row-major matrix whose sizes are known at run time.
///
/// ```
/// use smc_runtime::model::nn::Matrix;
/// let m = Matrix::new(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
/// assert_eq!(m.row(1), [4.0, 5.0, 6.0]);
/// assert_eq!(m[(0, 2)], 3.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix<'a> {
    rows: usize,
    columns: usize,
    values: &'a [f32],
}

impl<'a> Matrix<'a> {
    /// A matrix over `values`, or `None` if their number is not `rows * columns`.
    pub fn new(rows: usize, columns: usize, values: &'a [f32]) -> Option<Self> {
        (rows.checked_mul(columns) == Some(values.len())).then_some(Self {
            rows,
            columns,
            values,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row number `i`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// All elements, row after row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }
}

impl std::ops::Index<(usize, usize)> for Matrix<'_> {
    type Output = f32;
    fn index(&self, (i, j): (usize, usize)) -> &f32 {
        &self.row(i)[j]
    }
}
