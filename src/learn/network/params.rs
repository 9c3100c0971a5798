//! Parameters of burn modules by name.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use crate::error::{Error, Result};
use crate::model::tensors::Tensors;

/// All parameters of a module.
#[must_use]
pub fn of<M: Module>(module: &M) -> Tensors {
    let mut collect = Collect { path: Vec::new(), tensors: Tensors::default() };
    module.visit(&mut collect);
    collect.tensors
}

/// The module with these parameters in place of its own.
///
/// # Errors
/// [`Error::Input`] naming the first parameter that is missing or has another shape.
pub fn load<M: Module>(tensors: &Tensors, module: M) -> Result<M> {
    let mut fill = Fill { path: Vec::new(), tensors, error: None };
    let module = module.map(&mut fill);
    fill.error.map_or(Ok(module), Err)
}

struct Collect {
    path: Vec<String>,
    tensors: Tensors,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let shape = value.dims();
        let data = value.into_data().try_to_vec::<f32>().expect("parameters are 32-bit");
        self.tensors.insert(self.path.join("."), &shape, data);
    }
}

struct Fill<'a> {
    path: Vec<String>,
    tensors: &'a Tensors,
    error: Option<Error>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.val().dims();
        match self.tensors.get(&self.path.join("."), &shape) {
            Ok(data) => {
                let data = TensorData::new(data.to_vec(), shape);
                param.map(|old| {
                    let tracked = old.is_require_grad();
                    let new = Tensor::from_data(data, &old.device());
                    if tracked { new.require_grad() } else { new }
                })
            }
            Err(error) => {
                self.error.get_or_insert(error);
                param
            }
        }
    }
}
