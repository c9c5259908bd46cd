"""Training steps of a ResNet-18 in PyTorch: forward, binary cross-entropy on the logit, backward, Adam.

    python classifier_step.py WIDTH SIZE BATCH THREADS RUNS DEVICE

DEVICE is cpu or cuda. Prints one JSON object: the seconds of each step after a warm-up, and the number of parameters. Needs
torch."""

import json
import sys

import torch
from torch.nn import functional as F

from networks import Classifier, numbers
from timing import seconds

# Full f32, as in our code: TF32 has only ten bits of mantissa.
torch.backends.cudnn.allow_tf32 = False


def main():
    width, size, batch, threads, runs = map(int, sys.argv[1:6])
    device = torch.device(sys.argv[6])
    torch.set_num_threads(threads)
    network = Classifier(width).to(device)
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    x = torch.rand(batch, 1, size, size, device=device) * 2 - 1
    labels = (torch.arange(batch, device=device) % 2).float().unsqueeze(1)

    def step():
        loss = F.binary_cross_entropy_with_logits(network(x), labels)
        adam.zero_grad()
        loss.backward()
        adam.step()
        # Our code also reads the loss in every step.
        return loss.item()

    taken, _ = seconds(runs, step)
    print(json.dumps({"seconds": taken, "parameters": numbers(network)}))


main()
