"""COIN training steps in PyTorch: the same networks, losses and optimizers as a recipe of ours.

    python torch_step.py RECIPE.json THREADS RUNS DEVICE

RECIPE.json has the recipe's fields, DEVICE is cpu or cuda. Prints one JSON object: the seconds of each step after a warm-up, and how many
numbers each network holds. Written for its speed only: the weights are random. Needs torch.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class SpectralNorm(nn.Module):
    """The weight over its largest singular value, one power iteration a call."""

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
        share = torch.tanh(self.head(F.relu(self.head_norm(value))))
        return x + share - x * share.abs()


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
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.norm_2(self.conv_2(F.relu(self.norm_1(self.conv_1(x)))))
        return F.relu(y + self.shortcut(x))


def classifier(width):
    stages = [nn.Conv2d(1, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = width
    for factor in (1, 2, 4, 8):
        outputs = width * factor
        stages += [BasicBlock(inputs, outputs, 1 if factor == 1 else 2), BasicBlock(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1))


def total_variation(x, counterfactual):
    change = (x - counterfactual).abs() * 127.5
    return (change.diff(dim=2) ** 2).mean() + (change.diff(dim=3) ** 2).mean()


def kl(logits, target):
    p, q = target.clamp(1e-5, 1 - 1e-5), torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    return (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()


def numbers(network):
    """Parameters, running statistics and singular vectors."""
    buffers = (buffer for buffer in network.buffers() if buffer.is_floating_point())
    return sum(tensor.numel() for tensor in [*network.parameters(), *buffers])


def main():
    with open(sys.argv[1]) as file:
        recipe = json.load(file)
    torch.set_num_threads(int(sys.argv[2]))
    runs = int(sys.argv[3])
    stage, size = recipe["counterfactual"], recipe["size"]
    weights = stage["training"]
    device = torch.device(sys.argv[4])
    inpainter, discriminator = Inpainter(stage["inpainter"]).to(device), Discriminator(stage["discriminator"]).to(device)
    judge = classifier(recipe["classifier"]["network"]["width"]).to(device).eval().requires_grad_(False)
    adam = lambda network: torch.optim.Adam(network.parameters(), weights["learning_rate"], (0.0, 0.999))
    adam_g, adam_d = adam(inpainter), adam(discriminator)
    bce = lambda logits, real: F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))

    def step(x):
        p = torch.sigmoid(judge(x))
        bins = (p >= 0.5).long().flatten()
        desired, desired_bins = torch.where(p >= 0.5, torch.full_like(p, 1e-6), p), torch.zeros_like(bins)

        discriminator.requires_grad_(False)
        counterfactual = inpainter(x)
        change = F.l1_loss(counterfactual, x)
        reconstruction = change
        if weights["cycle"] == "on":
            reconstruction = change + F.l1_loss(inpainter(counterfactual), x)
        loss = (
            weights["weight_adversarial"] * bce(discriminator(counterfactual, desired_bins), True)
            + weights["weight_kl"] * kl(judge(counterfactual), desired)
            + weights["weight_reconstruction"] * reconstruction
            + weights["weight_minimal_change"] * change
            + weights["weight_total_variation"] * total_variation(x, counterfactual)
        )
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()

        discriminator.requires_grad_(True)
        real, fake = discriminator(x, bins), discriminator(counterfactual.detach(), desired_bins)
        adam_d.zero_grad()
        judged = (bce(real, True) + bce(fake, False)) / 2
        judged.backward()
        adam_d.step()
        # Both sides read their losses in every step.
        return loss.item(), judged.item()

    seconds = []
    for _ in range(runs + 1):
        x = torch.rand(stage["batch"], 1, size, size, device=device) * 2 - 1
        started = time.perf_counter()
        step(x)
        seconds.append(time.perf_counter() - started)
    answer = {
        "seconds": seconds[1:],
        "inpainter": numbers(inpainter),
        "discriminator": numbers(discriminator),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
