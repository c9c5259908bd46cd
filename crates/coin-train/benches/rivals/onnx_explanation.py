"""One explanation in onnxruntime, from a COIN model file: probability, counterfactual, probability again.

    python onnx_explanation.py MODEL.safetensors INPUT.f32 SIZE THREADS RUNS [OUT.onnx]

INPUT.f32 holds SIZE * SIZE little-endian values in [-1, 1]. Prints one JSON object: the seconds of each run after a
warm-up, the two probabilities and the counterfactual. Needs numpy, onnx, onnxruntime and safetensors.
"""

import json
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

EPSILON = 1e-5


class Graph:
    """An ONNX graph in the making; every method takes and gives names of values."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = {}
        self.count = 0

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"{kind}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def tensor(self, name, value):
        self.initializers.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name):
        return self.tensor(name, self.weights[name])


    def convolution(self, x, name, stride=1):
        kernel = self.weights[f"{name}.weight"].shape[2]
        inputs = [x, self.weight(f"{name}.weight")]
        if f"{name}.bias" in self.weights:
            inputs.append(self.weight(f"{name}.bias"))
        return self.op("Conv", *inputs, strides=[stride] * 2, pads=[kernel // 2] * 4)

    def normalised(self, x, name):
        if f"{name}.table" in self.weights:
            gamma, beta = np.split(self.weights[f"{name}.table"][0], 2)
        else:
            gamma, beta = self.weights[f"{name}.gamma"], self.weights[f"{name}.beta"]
        return self.op(
            "BatchNormalization",
            x,
            self.tensor(f"{name}.scale", gamma),
            self.tensor(f"{name}.shift", beta),
            self.weight(f"{name}.statistics.running_mean"),
            self.weight(f"{name}.statistics.running_variance"),
            epsilon=EPSILON,
        )

    def relu(self, x):
        return self.op("Relu", x)

    def halved(self, x):
        return self.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])

    def doubled(self, x):
        scales = self.tensor("twice", np.array([1, 1, 2, 2], np.float32))
        return self.op("Resize", x, "", scales, mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric")

    def inpainter(self, x, config):
        depth = len(config["widths"])
        value = self.normalised(self.relu(self.convolution(x, "inpainter.encoder.stem")), "inpainter.encoder.stem_norm")
        features = []
        for i in range(depth):
            name = f"inpainter.encoder.blocks.{i}"
            left = self.convolution(self.halved(value), f"{name}.shortcut")
            right = self.halved(self.relu(self.normalised(value, f"{name}.norm_1")))
            right = self.relu(self.normalised(self.convolution(right, f"{name}.conv_1"), f"{name}.norm_2"))
            value = self.op("Add", left, self.convolution(right, f"{name}.conv_2"))
            features.append(value)
        value = features.pop()
        for i in range(depth):
            name = f"inpainter.generator.blocks.{i}"
            if i > 0:
                same_size = features.pop()
                if i in config["skips"]:
                    value = self.op("Concat", value, same_size, axis=1)
            left = self.doubled(self.convolution(value, f"{name}.shortcut"))
            right = self.doubled(self.relu(self.normalised(value, f"{name}.norm_1")))
            right = self.relu(self.normalised(self.convolution(right, f"{name}.conv_1"), f"{name}.norm_2"))
            value = self.op("Add", left, self.convolution(right, f"{name}.conv_2"))
        value = self.relu(self.normalised(value, "inpainter.generator.head_norm"))
        return self.fused(self.convolution(value, "inpainter.generator.head"), x, config["fuse"])

    def fused(self, out, x, fuse):
        if fuse == "skip_add_tanh":
            return self.op("Tanh", self.op("Add", out, x))
        if fuse == "skip_tanh_move":
            share = self.op("Tanh", out)
            return self.op("Sub", self.op("Add", x, share), self.op("Mul", x, self.op("Abs", share)))
        sys.exit(f"the fuse {fuse} is not exported")

    def classifier(self, x):
        value = self.relu(self.normalised(self.convolution(x, "classifier.stem", 2), "classifier.stem_norm"))
        value = self.op("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        for stage in range(4):
            for block in range(2):
                name = f"classifier.stages.{stage}.{block}"
                identity = value
                stride = 2 if stage > 0 and block == 0 else 1
                if f"{name}.shortcut.weight" in self.weights:
                    identity = self.convolution(identity, f"{name}.shortcut", stride)
                    identity = self.normalised(identity, f"{name}.shortcut_norm")
                value = self.relu(self.normalised(self.convolution(value, f"{name}.conv_1", stride), f"{name}.norm_1"))
                value = self.normalised(self.convolution(value, f"{name}.conv_2"), f"{name}.norm_2")
                value = self.relu(self.op("Add", value, identity))
        pooled = self.op("Flatten", self.op("GlobalAveragePool", value))
        logit = self.op("Gemm", pooled, self.weight("classifier.dense"), self.weight("classifier.dense_bias"), transB=1)
        return self.op("Sigmoid", logit)


def export(path, size):
    """The ONNX model of a COIN model file for square inputs of `size`."""
    with safe_open(path, "np") as file:
        card = json.loads(file.metadata()["coin"])
        weights = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
    graph = Graph(weights)
    outputs = {"before": graph.classifier("input")}
    outputs["counterfactual"] = graph.inpainter("input", card["inpainter"])
    outputs["after"] = graph.classifier(outputs["counterfactual"])
    for name, value in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [value], [name]))
    shapes = {"before": [1, 1], "counterfactual": [1, 1, size, size], "after": [1, 1]}
    declared = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in outputs]
    declared_input = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 1, size, size])
    body = helper.make_graph(graph.nodes, card["name"], [declared_input], declared, list(graph.initializers.values()))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    model_path, input_path, size, threads, runs = sys.argv[1:6]
    size, threads, runs = int(size), int(threads), int(runs)
    model = export(model_path, size)
    if len(sys.argv) > 6:
        onnx.save(model, sys.argv[6])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.fromfile(input_path, "<f4").reshape(1, 1, size, size)
    names = ["before", "after", "counterfactual"]
    seconds = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        before, after, counterfactual = session.run(names, {"input": x})
        seconds.append(time.perf_counter() - started)
    answer = {
        "seconds": seconds[1:],
        "before": float(before[0, 0]),
        "after": float(after[0, 0]),
        "counterfactual": counterfactual.ravel().tolist(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
