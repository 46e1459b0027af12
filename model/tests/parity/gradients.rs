//! The scalar that both sides differentiate, and the gradients of inputs and parameters.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::fixture::{Fixture, Graded};

/// Outputs compared so far, and the sum of each times its slope.
pub(crate) struct Outputs<'a> {
    fixture: &'a Fixture,
    sum: Option<Tensor<Graded, 1>>,
}

/// The gradients of that sum.
pub(crate) struct Slopes<'a> {
    fixture: &'a Fixture,
    gradients: <Graded as AutodiffBackend>::Gradients,
}

/// Which parameters the reference has gradients of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// All of them.
    All,
    /// Those in the fixture.
    Chosen,
}

impl<'a> Outputs<'a> {
    pub(crate) fn of(fixture: &'a Fixture) -> Self {
        Self { fixture, sum: None }
    }

    /// Compares an output and adds it to what is differentiated.
    pub(crate) fn add<const D: usize>(&mut self, name: &str, output: Tensor<Graded, D>) {
        self.fixture.output(name, output.clone());
        let slope = self.fixture.tensor::<Graded, D>(&format!("slope.{name}"));
        let term = (output * slope).sum();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + term,
            None => term,
        });
    }

    pub(crate) fn backward(self) -> Slopes<'a> {
        Slopes::of(self.fixture, &self.sum.unwrap())
    }
}

impl<'a> Slopes<'a> {
    /// Gradients of any scalar.
    pub(crate) fn of(fixture: &'a Fixture, scalar: &Tensor<Graded, 1>) -> Self {
        Self { fixture, gradients: scalar.backward() }
    }

    /// Compares the gradient of an input.
    pub(crate) fn input<const D: usize>(&self, name: &str, leaf: &Tensor<Graded, D>) {
        self.named(&format!("input.{name}"), leaf);
    }

    /// Compares the gradient of a leaf under this name of the fixture.
    pub(crate) fn named<const D: usize>(&self, name: &str, leaf: &Tensor<Graded, D>) {
        self.fixture.gradient(name, leaf.grad(&self.gradients));
    }

    /// Compares the gradients of the parameters of a module.
    pub(crate) fn parameters<M: Module<Graded>>(&self, module: &M, which: Compared) {
        module.visit(&mut Visitor { slopes: self, names: vec![Some("weights".to_owned())], which });
    }
}

struct Visitor<'a, 'b> {
    slopes: &'a Slopes<'b>,
    /// Names around a parameter; the variant of an enum is no part of a name.
    names: Vec<Option<String>>,
    which: Compared,
}

impl ModuleVisitor<Graded> for Visitor<'_, '_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.push((!container.starts_with("Enum:")).then(|| name.to_owned()));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.names.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Graded, D>>) {
        let name = self.names.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(".");
        if self.which == Compared::All || self.slopes.fixture.has_gradient(&name) {
            self.slopes.named(&name, &param.val());
        }
    }
}
