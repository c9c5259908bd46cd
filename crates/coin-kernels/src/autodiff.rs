//! Backward passes, registered with Burn's autodiff.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps as _;
use burn::backend::tensor::FloatTensor;
use burn::backend::{AutodiffBackend as _, Backend, TensorMetadata as _};
use burn::tensor::Shape;

use crate::Convolution;
use crate::operations::{self, Operations, Optional};

impl<B: Operations, C: CheckpointStrategy> Operations for Autodiff<B, C> {
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: Optional<Self>,
        shift: Optional<Self>,
        bias: Optional<Self>,
        residual: Optional<Self>,
        relu: bool,
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        let x = operations::after_prologue::<Self>(x, scale.get(), shift.get());
        let (bias, residual) = (bias.get(), residual.get());
        let [height, width] = [x.shape()[2], x.shape()[3]];
        let [rows, columns] = convolution.output([height, width]);
        let doubled_residual =
            residual.as_ref().is_some_and(|residual| [residual.shape()[2], residual.shape()[3]] != [rows, columns]);
        let step = Convolved { convolution, sides: [height, width], relu, doubled_residual };
        match (bias, residual) {
            (None, None) => {
                let nodes = [x.node(), weight.node()];
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                step.record::<B, C, 2>(nodes, x, weight, None, None)
            }
            (Some(bias), None) => {
                let nodes = [x.node(), weight.node(), bias.node()];
                let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
                step.record::<B, C, 3>(nodes, x, weight, Some(bias), None)
            }
            (bias, Some(residual)) => {
                let bias = bias.unwrap_or_else(|| {
                    let outputs = Shape::new([weight.shape()[0]]);
                    Self::float_zeros(outputs, &weight.device(), weight.dtype().into())
                });
                let nodes = [x.node(), weight.node(), bias.node(), residual.node()];
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                step.record::<B, C, 4>(nodes, x, weight, Some(bias.into_primitive()), Some(residual.into_primitive()))
            }
        }
    }

    fn batch_norm_statistics(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let prepared = Normalised { epsilon, relu }.prepare::<C>([x.node(), gamma.node(), beta.node()]);
        let (x, gamma, beta) = (x.into_primitive(), gamma.into_primitive(), beta.into_primitive());
        let (y, mean, variance) = B::batch_norm_statistics(x.clone(), gamma.clone(), beta.clone(), epsilon, relu);
        let y = match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                step.finish(NormalisedState { x, gamma, beta, mean: mean.clone(), variance: variance.clone() }, y)
            }
            OpsKind::UnTracked(step) => step.finish(y),
        };
        (y, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn sum_pool(x: FloatTensor<Self>, scale: Optional<Self>, shift: Optional<Self>, factor: f32) -> FloatTensor<Self> {
        let x = operations::after_prologue::<Self>(x, scale.get(), shift.get());
        let sides = [x.shape()[2], x.shape()[3]];
        match (SumPooled { factor }).prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                step.finish(sides, B::sum_pool(x.into_primitive(), Optional::Absent, Optional::Absent, factor))
            }
            OpsKind::UnTracked(step) => {
                step.finish(B::sum_pool(x.into_primitive(), Optional::Absent, Optional::Absent, factor))
            }
        }
    }

    fn add_relu(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = AddedRelu.prepare::<C>([x.node(), y.node()]);
        let output = B::add_relu(x.into_primitive(), y.into_primitive());
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(output.clone(), output),
            OpsKind::UnTracked(step) => step.finish(output),
        }
    }

    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match MaxPooled.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let x = x.into_primitive();
                step.finish(x.clone(), B::max_pool(x))
            }
            OpsKind::UnTracked(step) => step.finish(B::max_pool(x.into_primitive())),
        }
    }

    fn double(x: FloatTensor<Self>, sides: [usize; 2], factor: f32) -> FloatTensor<Self> {
        match (Doubled { factor }).prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish((), B::double(x.into_primitive(), sides, factor)),
            OpsKind::UnTracked(step) => step.finish(B::double(x.into_primitive(), sides, factor)),
        }
    }
}

/// A convolution with its epilogue. Its parents are input, weight, bias and residual, in this order.
#[derive(Clone, Copy, Debug)]
struct Convolved {
    convolution: Convolution,
    /// Height and width of the input.
    sides: [usize; 2],
    relu: bool,
    doubled_residual: bool,
}

#[derive(Clone, Debug)]
struct ConvolvedState<B: Backend> {
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    /// Kept only with ReLU, to mask the gradient.
    output: Option<FloatTensor<B>>,
}

impl Convolved {
    fn record<B: Operations, C: CheckpointStrategy, const N: usize>(
        self,
        nodes: [burn::backend::autodiff::ops::NodeGuard; N],
        x: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: Option<FloatTensor<B>>,
        residual: Option<FloatTensor<B>>,
    ) -> FloatTensor<Autodiff<B, C>> {
        let Self { convolution, relu, .. } = self;
        let y = {
            let (bias, residual) = (Optional::of(bias), Optional::of(residual));
            B::convolve(
                x.clone(),
                weight.clone(),
                Optional::Absent,
                Optional::Absent,
                bias,
                residual,
                relu,
                convolution,
            )
        };
        match self.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(ConvolvedState { x, weight, output: relu.then(|| y.clone()) }, y),
            OpsKind::UnTracked(step) => step.finish(y),
        }
    }
}

impl<B: Operations, const N: usize> Backward<B, N> for Convolved {
    type State = ConvolvedState<B>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let Self { convolution, sides, doubled_residual, .. } = self;
        let gradient = grads.consume::<B>(&ops.node);
        let ConvolvedState { x, weight, output } = ops.state;
        let gradient = match output {
            Some(output) => B::relu_gradient(output, gradient),
            None => gradient,
        };
        let mut parents = ops.parents.into_iter();
        if let Some(node) = parents.next().flatten() {
            grads.register::<B>(node.id, B::convolve_input_gradient(weight, gradient.clone(), sides, convolution));
        }
        if let Some(node) = parents.next().flatten() {
            grads.register::<B>(node.id, B::convolve_weight_gradient(x, gradient.clone(), convolution));
        }
        if let Some(node) = parents.next().flatten() {
            let outputs = gradient.shape()[1];
            let sum = B::float_sum_dims(gradient.clone(), &[0, 2, 3]);
            grads.register::<B>(node.id, B::float_reshape(sum, Shape::new([outputs])));
        }
        if let Some(node) = parents.next().flatten() {
            let gradient = if doubled_residual {
                B::sum_pool(gradient, Optional::Absent, Optional::Absent, 1.0)
            } else {
                gradient
            };
            grads.register::<B>(node.id, gradient);
        }
    }
}

/// Batch normalisation with batch statistics.
#[derive(Debug)]
struct Normalised {
    epsilon: f64,
    relu: bool,
}

#[derive(Clone, Debug)]
struct NormalisedState<B: Backend> {
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
}

impl<B: Operations> Backward<B, 3> for Normalised {
    type State = NormalisedState<B>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let NormalisedState { x, gamma, beta, mean, variance } = ops.state;
        let (x, gamma, beta) =
            B::batch_norm_gradient(x, gradient, gamma, beta, mean, variance, self.epsilon, self.relu);
        for (node, gradient) in ops.parents.into_iter().zip([x, gamma, beta]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

/// 2x2 sum pooling.
#[derive(Debug)]
struct SumPooled {
    factor: f32,
}

impl<B: Operations> Backward<B, 1> for SumPooled {
    type State = [usize; 2];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::double(gradient, ops.state, self.factor));
        }
    }
}

/// ReLU of a sum.
#[derive(Debug)]
struct AddedRelu;

impl<B: Operations> Backward<B, 2> for AddedRelu {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = B::relu_gradient(ops.state, grads.consume::<B>(&ops.node));
        for node in ops.parents.into_iter().flatten() {
            grads.register::<B>(node.id, gradient.clone());
        }
    }
}

/// 3x3 max pooling with stride 2.
#[derive(Debug)]
struct MaxPooled;

impl<B: Operations> Backward<B, 1> for MaxPooled {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::max_pool_gradient(ops.state, gradient));
        }
    }
}

/// 2x nearest-neighbour upsampling.
#[derive(Debug)]
struct Doubled {
    factor: f32,
}

impl<B: Operations> Backward<B, 1> for Doubled {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::sum_pool(gradient, Optional::Absent, Optional::Absent, self.factor));
        }
    }
}
