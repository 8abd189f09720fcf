# SPDX-License-Identifier: Apache-2.0
"""Small models with random but fixed weights, and what ONNX Runtime's own Python session makes of tensors."""
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

DIM = 16
SIDE = 32
FLOAT, HALF, BYTE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


class Graph:
    """Nodes and weights of one model, in the order in which they are added."""

    def __init__(self, seed=7, dtype=np.float32):
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.nodes, self.weights = [], []

    def weight(self, name, *shape, scale=0.2):
        self.constant(name, (self.rng.standard_normal(shape) * scale).astype(self.dtype))
        return name

    def constant(self, name, array):
        self.weights.append(numpy_helper.from_array(array, name))

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def save(self, path, inputs, outputs):
        """`inputs`, `outputs`: (name, type, shape) each."""
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs],
                                  [helper.make_tensor_value_info(*o) for o in outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)
        return path


def body(graph, x):
    """Convolution, mean over the picture, and a layer of DIM numbers: [N,3,H,W] to [N,DIM]."""
    conv = graph.add("Conv", [x, graph.weight("w", 8, 3, 3, 3), graph.weight("b", 8)], "conv", strides=[2, 2])
    relu = graph.add("Relu", [conv], "relu")
    mean = graph.add("Flatten", [graph.add("GlobalAveragePool", [relu], "mean")], "flat")
    return graph.add("Gemm", [mean, graph.weight("v", 8, DIM), graph.weight("c", DIM)], "out")


def planar(path, batch="N", half=False, seed=7, sides=(3, SIDE, SIDE), dim=DIM):
    graph = Graph(seed, np.float16 if half else np.float32)
    kind = HALF if half else FLOAT
    body(graph, "x")
    return graph.save(path, [("x", kind, [batch, *sides])], [("out", kind, [batch, dim])])


def interleaved_bytes(path, height, width):
    graph = Graph()
    graph.constant("scale", np.float32(1 / 255))
    floats = graph.add("Mul", [graph.add("Cast", ["x"], "floats", to=FLOAT), "scale"], "scaled")
    body(graph, graph.add("Transpose", [floats], "planes", perm=[0, 3, 1, 2]))
    return graph.save(path, [("x", BYTE, ["N", height, width, 3])], [("out", FLOAT, ["N", DIM])])


def tokens(path):
    """[N,16,DIM] `tokens`; and two vectors, so that a name is needed."""
    graph = Graph()
    patches = graph.add("Conv", ["x", graph.weight("w", DIM, 3, 8, 8)], "patches", strides=[8, 8])
    graph.constant("shape", np.array([0, DIM, -1], np.int64))
    rows = graph.add("Reshape", [patches, "shape"], "rows")
    out = graph.add("Transpose", [rows], "tokens", perm=[0, 2, 1])
    graph.add("ReduceMax", [out], "largest", axes=[1], keepdims=0)
    graph.add("ReduceMin", [out], "least one & all", axes=[1], keepdims=0)
    return graph.save(path, [("x", FLOAT, ["N", 3, SIDE, SIDE])],
                      [("tokens", FLOAT, ["N", "T", DIM]), ("largest", FLOAT, ["N", DIM]),
                       ("least one & all", FLOAT, ["N", DIM])])


def two_inputs(path):
    graph = Graph()
    body(graph, graph.add("Add", ["x", "y"], "sum"))
    shape = ["N", 3, SIDE, SIDE]
    return graph.save(path, [("x", FLOAT, shape), ("y", FLOAT, shape)], [("out", FLOAT, ["N", DIM])])


def infinite(path):
    """Divides by nought."""
    graph = Graph()
    graph.constant("nought", np.zeros(1, np.float32))
    graph.add("Div", [body(graph, "x"), "nought"], "much")
    return graph.save(path, [("x", FLOAT, ["N", 3, SIDE, SIDE])], [("much", FLOAT, ["N", DIM])])


def bright(graph, threshold):
    """[N]: 1 where the mean of a row is over the threshold, else 0."""
    graph.constant("threshold", np.float32(threshold))
    mean = graph.add("ReduceMean", ["x"], "level", axes=[1, 2, 3], keepdims=0)
    return graph.add("Cast", [graph.add("Greater", [mean, "threshold"], "over")], "bright", to=FLOAT)


def infinite_if_bright(path, threshold):
    """Divides by nought where the picture is bright."""
    graph = Graph()
    graph.constant("one", np.ones(1, np.float32))
    graph.constant("last", np.array([1], np.int64))
    divisor = graph.add("Sub", ["one", bright(graph, threshold)], "dark")
    column = graph.add("Unsqueeze", [divisor, "last"], "column")
    graph.add("Div", [body(graph, "x"), column], "quotient")
    return graph.save(path, [("x", FLOAT, ["N", 3, SIDE, SIDE])], [("quotient", FLOAT, ["N", DIM])])


def refuses_bright(path, threshold):
    """Looks up a row of a table that is not there where the picture is bright."""
    graph = Graph()
    graph.constant("table", np.zeros((1, DIM), np.float32))
    index = graph.add("Cast", [bright(graph, threshold)], "index", to=TensorProto.INT64)
    graph.add("Add", [body(graph, "x"), graph.add("Gather", ["table", index], "looked")], "sum")
    return graph.save(path, [("x", FLOAT, ["N", 3, SIDE, SIDE])], [("sum", FLOAT, ["N", DIM])])


def reference(path, tensors, output=None, batch=None):
    """What the Python session of ONNX Runtime gives, `batch` rows at a time (the last filled up with noughts)."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    step = batch or len(tensors)
    parts = []
    for at in range(0, len(tensors), step):
        part = tensors[at:at + step]
        filled = np.zeros((step, *tensors.shape[1:]), tensors.dtype)
        filled[:len(part)] = part
        parts.append(session.run([output] if output else None, {name: filled})[0][:len(part)])
    return np.concatenate(parts).astype(np.float32)


def normalised(vectors):
    flat = vectors.reshape(len(vectors), -1).astype(np.float64)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)
