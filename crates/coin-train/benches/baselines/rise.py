"""RISE in PyTorch with the classifier of a model file.

    python rise.py MODEL.safetensors INPUT.f32 MASKS.json SIZE THREADS RUNS DEVICE

INPUT.f32 contains SIZE * SIZE little-endian values in [-1, 1]. MASKS.json contains `grid`, the side of a mask in cells;
`cells`, the cells of each mask; and `shifts`, the rows and columns by which each enlarged mask is shifted. DEVICE is cpu or
cuda. Prints one JSON object: the seconds of each map after a warm-up, the map, and the batch size, which is the fastest one
on this machine. Needs numpy and torch."""

import json
import sys

import numpy as np
import torch
from torch.nn import functional as F

from networks import load_classifier
from timing import seconds

BATCHES = (8, 16, 32, 64)
# Number of masks for choosing the batch size.
TRIED = 128


def enlargements(grid, size):
    """For each shift, the matrix `[size, grid]` that interpolates a row of grid cells to the pixels of the image."""
    cell = -(-size // grid)
    # The grid is mirrored beyond the outermost cell centres.
    place = ((torch.arange(size + cell - 1) + 0.5) * grid / ((grid + 1) * cell) - 0.5).abs()
    before = place.long().clamp(max=grid - 1)
    after = torch.where(before == grid - 1, grid - 2, before + 1)
    share = (place - before).unsqueeze(1)
    matrix = (1 - share) * F.one_hot(before, grid) + share * F.one_hot(after, grid)
    return matrix.unfold(0, size, 1).transpose(1, 2).contiguous()


def saliency(network, image, masks, matrices, batch):
    """The saliency map of one image, in [0, 1]."""
    total = torch.zeros(1, image.numel(), device=image.device)
    for cells, shifts in zip(*(part.split(batch) for part in masks)):
        rows, columns = matrices[shifts[:, 0]], matrices[shifts[:, 1]]
        shown = (rows @ cells @ columns.transpose(1, 2)).unsqueeze(1)
        total += torch.sigmoid(network(shown * image)).T @ shown.flatten(1)
    least, largest = total.aminmax()
    return ((total - least) / (largest - least)).flatten().tolist()


def main():
    model, picture, masks = sys.argv[1:4]
    size, threads, runs = map(int, sys.argv[4:7])
    device = torch.device(sys.argv[7])
    torch.set_num_threads(threads)
    with open(masks) as file:
        drawn = json.load(file)
    grid = drawn["grid"]
    cells = torch.tensor(drawn["cells"], dtype=torch.float32, device=device).reshape(-1, grid, grid)
    shifts = torch.tensor(drawn["shifts"], device=device)
    image = torch.from_numpy(np.fromfile(picture, "<f4")).reshape(1, 1, size, size).to(device)
    network, matrices = load_classifier(model).to(device), enlargements(grid, size).to(device)
    with torch.inference_mode():
        few = cells[:TRIED], shifts[:TRIED]
        trial = lambda batch: min(seconds(1, lambda: saliency(network, image, few, matrices, batch))[0])
        batch = min(BATCHES, key=trial)
        taken, found = seconds(runs, lambda: saliency(network, image, (cells, shifts), matrices, batch))
    print(json.dumps({"seconds": taken, "map": found, "batch": batch}))


main()
