//! temp
use crate::model::{Model, Views};
use crate::population::Population;
use crate::layout::Layout;
/// temp
pub struct Posterior<M> { model: M, layout: Layout, draws: Population }
impl<M: Model> Posterior<M> {
    /// A typed view of draw number `i`.
    pub fn draw(&self, i: usize) -> M::Draw<'_> {
        self.model.draw(Views::new(&self.layout, self.draws.row(i)))
    }
}
