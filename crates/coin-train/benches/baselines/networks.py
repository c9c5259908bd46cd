"""COIN's networks in PyTorch, for timing: with random weights unless those of a model file are loaded.

Configurations are those of a recipe. Upsampling is nearest-neighbour."""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class SpectralNorm(nn.Module):
    """The weight divided by its largest singular value, with one power iteration per call."""

    def __init__(self, outputs):
        super().__init__()
        self.register_buffer("u", torch.randn(1, outputs))

    def forward(self, weight):
        with torch.no_grad():
            matrix = weight.reshape(weight.shape[0], -1)
            v = F.normalize(self.u @ matrix, dim=1)
            u = F.normalize(v @ matrix.T, dim=1)
            sigma = (u @ matrix * v).sum()
            self.u.copy_(u)
        return weight / sigma


class Convolution(nn.Module):
    def __init__(self, inputs, outputs, kernel, bias=False, spectral=False):
        super().__init__()
        self.inner = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        self.norm = SpectralNorm(outputs) if spectral else None

    def forward(self, x):
        weight = self.inner.weight if self.norm is None else self.norm(self.inner.weight)
        return F.conv2d(x, weight, self.inner.bias, padding=self.inner.padding)


class ConditionalNorm(nn.Module):
    def __init__(self, conditions, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.table = nn.Embedding(conditions, 2 * channels)
        self.table.weight.data[:, :channels].normal_(1, 0.02)
        self.table.weight.data[:, channels:].zero_()

    def forward(self, x, condition):
        gamma, beta = self.table(condition)[:, :, None, None].chunk(2, 1)
        return self.norm(x) * gamma + beta


class EncoderBlock(nn.Module):
    def __init__(self, inputs, outputs, spectral):
        super().__init__()
        self.shortcut = Convolution(inputs, outputs, 1, spectral=spectral)
        self.norm_1, self.conv_1 = nn.BatchNorm2d(inputs), Convolution(inputs, outputs, 3)
        self.norm_2, self.conv_2 = nn.BatchNorm2d(outputs), Convolution(outputs, outputs, 3)

    def forward(self, x):
        right = self.conv_1(F.avg_pool2d(F.relu(self.norm_1(x)), 2))
        return self.shortcut(F.avg_pool2d(x, 2)) + self.conv_2(F.relu(self.norm_2(right)))


class GeneratorBlock(nn.Module):
    def __init__(self, inputs, outputs, conditions, spectral):
        super().__init__()
        self.shortcut = Convolution(inputs, outputs, 1, spectral=spectral)
        self.norm_1, self.conv_1 = ConditionalNorm(conditions, inputs), Convolution(inputs, outputs, 3)
        self.norm_2, self.conv_2 = ConditionalNorm(conditions, outputs), Convolution(outputs, outputs, 3)

    def forward(self, x, condition):
        double = lambda x: F.interpolate(x, scale_factor=2, mode="nearest")
        right = self.conv_1(double(F.relu(self.norm_1(x, condition))))
        return double(self.shortcut(x)) + self.conv_2(F.relu(self.norm_2(right, condition)))


FUSES = {
    "skip_add_tanh": lambda out, x: torch.tanh(out + x),
    "skip_tanh_move": lambda out, x: moved(torch.tanh(out), x),
}


def moved(share, x):
    return x + share - x * share.abs()


class Inpainter(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths, stem, spectral = config["widths"], config["stem"], config["spectral_norm"]
        self.stem, self.stem_norm = Convolution(1, stem, 3), nn.BatchNorm2d(stem)
        pairs = zip([stem] + widths[:-1], widths)
        self.down = nn.ModuleList(EncoderBlock(i, o, spectral) for i, o in pairs)
        self.skips, outputs = config["skips"], widths[::-1]
        running = [outputs[0]] + outputs[:-1]
        extra = [outputs[i] if i in self.skips else 0 for i in range(len(outputs))]
        self.up = nn.ModuleList(
            GeneratorBlock(r + e, o, config["conditions"], spectral) for r, e, o in zip(running, extra, outputs)
        )
        self.fuse = FUSES[config["fuse"]]
        self.head_norm, self.head = nn.BatchNorm2d(outputs[-1]), Convolution(outputs[-1], 1, 3, bias=True)

    def forward(self, x):
        condition = torch.zeros(len(x), dtype=torch.long, device=x.device)
        value, features = self.stem_norm(F.relu(self.stem(x))), []
        for block in self.down:
            value = block(value)
            features.append(value)
        features.pop()
        for i, block in enumerate(self.up):
            if i > 0:
                same_size = features.pop()
                if i in self.skips:
                    value = torch.cat([value, same_size], 1)
            value = block(value, condition)
        return self.fuse(self.head(F.relu(self.head_norm(value))), x)


class DiscriminatorBlock(nn.Module):
    def __init__(self, inputs, outputs, first, halving):
        super().__init__()
        self.first, self.halving = first, halving
        changes = first or inputs != outputs
        self.shortcut = Convolution(inputs, outputs, 1, bias=True, spectral=True) if changes else nn.Identity()
        self.conv_1 = Convolution(inputs, outputs, 3, bias=True, spectral=True)
        self.conv_2 = Convolution(outputs, outputs, 3, bias=True, spectral=True)

    def forward(self, x):
        pool = (lambda x: F.avg_pool2d(x, 2)) if self.halving else (lambda x: x)
        right = self.conv_2(F.relu(self.conv_1(x if self.first else F.relu(x))))
        return self.shortcut(pool(x)) + pool(right)


class Discriminator(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths = config["widths"]
        pairs = enumerate(zip([1] + widths[:-1], widths))
        self.blocks = nn.Sequential(*(DiscriminatorBlock(a, b, i == 0, i < config["halvings"]) for i, (a, b) in pairs))
        self.dense, self.dense_norm = nn.Linear(widths[-1], 1), SpectralNorm(1)
        self.embedding = nn.Embedding(config["conditions"], widths[-1])

    def forward(self, x, condition):
        pooled = F.relu(self.blocks(x)).sum((2, 3))
        plain = F.linear(pooled, self.dense_norm(self.dense.weight), self.dense.bias)
        return plain + (pooled * self.embedding(condition)).sum(1, keepdim=True)


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv_2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm_1, self.norm_2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.shortcut = self.shortcut_norm = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = self.norm_2(self.conv_2(F.relu(self.norm_1(self.conv_1(x)))))
        return F.relu(y + self.shortcut_norm(self.shortcut(x)))


class Classifier(nn.Module):
    """ResNet-18 with one input channel and one logit."""

    def __init__(self, width):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(1, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.stages, inputs = nn.ModuleList(), width
        for outputs in (width, 2 * width, 4 * width, 8 * width):
            stride = 1 if outputs == width else 2
            self.stages.append(nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1)))
            inputs = outputs
        self.dense = nn.Linear(inputs, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem_norm(self.stem(x))), 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
        return self.dense(x.mean((2, 3)))


# Suffixes of parameter names in model files, and in PyTorch.
ENDS = {
    "gamma": "weight",
    "beta": "bias",
    "statistics.running_mean": "running_mean",
    "statistics.running_variance": "running_var",
    "dense_bias": "dense.bias",
    "dense": "dense.weight",
}


def load_classifier(path):
    """The classifier of a model file, a ResNet-18, for inference."""
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    card = json.loads(header.pop("__metadata__")["coin"])
    state = {}
    for name, tensor in header.items():
        network, _, name = name.partition(".")
        if network != "classifier":
            continue
        for ours, theirs in ENDS.items():
            if name == ours or name.endswith(f".{ours}"):
                name = name.removesuffix(ours) + theirs
                break
        first, last = (start + offset for offset in tensor["data_offsets"])
        values = torch.frombuffer(bytearray(data[first:last]), dtype=torch.float16)
        state[name] = values.reshape(tensor["shape"]).float()
    network = Classifier(card["classifier"]["width"])
    counts = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    network.load_state_dict(state | counts)
    return network.eval().requires_grad_(False)


def numbers(network):
    """Parameters, running statistics and singular vectors."""
    buffers = (buffer for buffer in network.buffers() if buffer.is_floating_point())
    return sum(tensor.numel() for tensor in [*network.parameters(), *buffers])
