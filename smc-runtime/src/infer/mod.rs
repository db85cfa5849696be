//! temp
/// An algorithm that turns a problem into posterior draws.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an algorithm: it does not implement `Inference`",
    label = "not an `Inference`",
    note = "`#[infer(..)]` takes any Rust expression that implements `Inference`, such as `smc(particles = 64)`"
)]
pub trait Inference: std::fmt::Debug + Send + Sync {}
/// temp
#[derive(Debug, Clone)] pub struct Smc { particles: usize }
impl Inference for Smc {}
impl Smc { /// temp
 pub fn particles(mut self, n: usize) -> Self { self.particles = n; self } }
/// temp
pub fn smc() -> Smc { Smc { particles: 64 } }
