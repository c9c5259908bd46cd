"""COIN training steps in PyTorch, with the networks, losses and optimizers of a recipe.

    python coin_step.py RECIPE.json THREADS RUNS DEVICE

RECIPE.json contains the recipe as JSON; DEVICE is cpu or cuda. Prints one JSON object: the seconds of each step after a
warm-up, and the number of parameters of each network. Needs torch."""

import json
import sys

import torch
from torch.nn import functional as F

from networks import Classifier, Discriminator, Inpainter, numbers
from timing import seconds

# Full f32, as in our code: TF32 has only ten bits of mantissa.
torch.backends.cudnn.allow_tf32 = False


def total_variation(x, counterfactual):
    change = (x - counterfactual).abs() * 127.5
    return (change.diff(dim=2) ** 2).mean() + (change.diff(dim=3) ** 2).mean()


def kl(logits, target):
    p, q = target.clamp(1e-5, 1 - 1e-5), torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    return (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()


def main():
    with open(sys.argv[1]) as file:
        recipe = json.load(file)
    torch.set_num_threads(int(sys.argv[2]))
    runs = int(sys.argv[3])
    stage, size = recipe["counterfactual"], recipe["size"]
    weights = stage["training"]
    device = torch.device(sys.argv[4])
    inpainter, discriminator = Inpainter(stage["inpainter"]).to(device), Discriminator(stage["discriminator"]).to(device)
    frozen = Classifier(recipe["classifier"]["network"]["width"]).to(device).eval().requires_grad_(False)
    adam = lambda network: torch.optim.Adam(network.parameters(), weights["learning_rate"], (0.0, 0.999))
    adam_g, adam_d = adam(inpainter), adam(discriminator)
    bce = lambda logits, real: F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))

    x = torch.rand(stage["batch"], 1, size, size, device=device) * 2 - 1

    def step():
        p = torch.sigmoid(frozen(x))
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
            + weights["weight_kl"] * kl(frozen(counterfactual), desired)
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
        loss_d = (bce(real, True) + bce(fake, False)) / 2
        loss_d.backward()
        adam_d.step()
        # Our code also reads the losses in every step.
        return loss.item(), loss_d.item()

    taken, _ = seconds(runs, step)
    answer = {
        "seconds": taken,
        "inpainter": numbers(inpainter),
        "discriminator": numbers(discriminator),
    }
    print(json.dumps(answer))


main()
