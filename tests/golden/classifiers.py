"""Numbers of torchvision's classifiers with one input channel and one logit, for `classifier_parity.rs`.

Weights, inputs and statistics are made from names and positions by `made`, here and in the test, so that only the answers
are stored. Run: python classifiers.py > classifiers.json (torch and torchvision; nothing is downloaded)."""

import json

import numpy as np
import torch
import torchvision
from torch import nn


def made(name, count):
    """`count` values in [-1, 1): a hash of the position and of the name's bytes."""
    x = np.arange(count, dtype=np.uint64) + np.uint64(sum(name.encode())) * np.uint64(7919)
    mask = np.uint64(0xFFFFFFFF)
    for multiplier in (0x85EBCA6B, 0xC2B2AE35):
        x = (x ^ (x >> np.uint64(16))) * np.uint64(multiplier) & mask
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2**31 - 1


def weight(name, shape, norms):
    u = made(name, int(np.prod(shape)))
    module, leaf = name.rsplit(".", 1)
    if leaf == "layer_scale":
        value = 0.2 + 0.1 * u
    elif leaf == "running_var":
        value = 1 + 0.3 * u
    elif leaf == "weight" and module in norms:
        value = 1 + 0.2 * u
    elif leaf == "weight":
        value = u * np.sqrt(3 / np.prod(shape[1:]))
    else:
        value = 0.1 * u
    return torch.tensor(value.reshape(shape), dtype=torch.float32)


def one_channel(model):
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    replacement = nn.Conv2d(1, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None)
    for parent in model.modules():
        for name, child in parent.named_children():
            if child is first:
                setattr(parent, name, replacement)
    return model


answers = {}
for family, build in {
    "resnet-18": torchvision.models.resnet18,
    "resnet-34": torchvision.models.resnet34,
    "resnet-50": torchvision.models.resnet50,
    "efficientnet-v2-s": torchvision.models.efficientnet_v2_s,
    "convnext-tiny": torchvision.models.convnext_tiny,
}.items():
    model = one_channel(build(num_classes=1)).eval()
    norms = {n for n, m in model.named_modules() if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm))}
    state = {n: weight(n, tuple(t.shape), norms) for n, t in model.state_dict().items() if t.dtype == torch.float32}
    model.load_state_dict(state, strict=False)
    x = torch.tensor(made("input", 2 * 64 * 64).reshape(2, 1, 64, 64), dtype=torch.float32, requires_grad=True)
    logits = model(x)
    logits.sum().backward()
    answers[family] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "logits": logits.detach().flatten().tolist(),
        "gradient": x.grad.flatten()[::127].tolist(),
    }
# Inception up to Mixed_6e, whose average pooling leaves the padding out of the mean in the original.
pool = torch.nn.functional.avg_pool2d
torchvision.models.inception.F.avg_pool2d = lambda x, **sides: pool(x, count_include_pad=False, **sides)
model = torchvision.models.inception_v3(init_weights=False, transform_input=False).eval()
norms = {n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
state = {n: weight(n, tuple(t.shape), norms) for n, t in model.state_dict().items() if t.dtype == torch.float32}
model.load_state_dict(state, strict=False)
maps = {}
model.Mixed_6e.register_forward_hook(lambda module, inputs, output: maps.update(found=output))
with torch.no_grad():
    model(torch.tensor(made("input", 3 * 107 * 107).reshape(1, 3, 107, 107), dtype=torch.float32))
answers["inception-v3"] = {"parameters": 0, "logits": maps["found"].flatten()[::97].tolist(), "gradient": []}
print(json.dumps(answers))
