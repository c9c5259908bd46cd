"""Data loading for classifier training from KiTS volumes with nibabel, albumentations and PyTorch's DataLoader.

    python loading.py FOLDER SIZE BATCH BATCHES EPOCHS WORKERS

Volumes are converted once to arrays on disk, which later epochs map into memory. Prints one JSON object: the seconds of the
first epoch, including the conversion, and of each later epoch."""

import json
import sys
import time
from pathlib import Path

import albumentations as albu
import cv2
import nibabel
import numpy as np
import torch

LOW, HIGH = -100.0, 300.0


class Slices(torch.utils.data.Dataset):
    """Random slices with at least 300 pixels of kidney, augmented and resized, in [-1, 1], with their kidney masks."""

    def __init__(self, folder, size, count):
        self.slices, self.count = [], count
        for case in sorted(folder.iterdir()):
            image, labels = (self.unpacked(case / name) for name in ("imaging.nii.gz", "segmentation.nii.gz"))
            for z in np.flatnonzero((labels == 1).sum(axis=(0, 1)) >= 300):
                self.slices.append((image, labels, z))
        self.moved = albu.Compose(
            [
                albu.HorizontalFlip(p=0.5),
                albu.VerticalFlip(p=0.1),
                albu.ShiftScaleRotate(shift_limit=0.07, scale_limit=0.1, rotate_limit=10, p=0.5, border_mode=cv2.BORDER_CONSTANT),
                albu.Resize(size, size),
            ]
        )

    @staticmethod
    def unpacked(path):
        array = path.with_suffix(".npy")
        if not array.exists():
            np.save(array, np.asarray(nibabel.load(path).dataobj).astype(np.int16))
        return np.load(array, mmap_mode="r")

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        image, labels, z = self.slices[np.random.randint(len(self.slices))]
        slice = np.clip((image[:, :, z].astype(np.float32) - LOW) / (HIGH - LOW), 0, 1) * 2 - 1
        moved = self.moved(image=slice, mask=(labels[:, :, z] == 1).astype(np.uint8))
        return torch.from_numpy(moved["image"])[None], torch.from_numpy(moved["mask"])[None]


def main():
    folder = Path(sys.argv[1])
    size, batch, batches, epochs, workers = map(int, sys.argv[2:])
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    started = time.perf_counter()
    loader = torch.utils.data.DataLoader(
        Slices(folder, size, batch * batches), batch_size=batch, num_workers=workers, persistent_workers=True
    )
    seconds = []
    for _ in range(epochs + 1):
        for images, masks in loader:
            assert images.shape == (batch, 1, size, size)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    print(json.dumps({"first": seconds[:1], "later": seconds[1:]}))


main()
