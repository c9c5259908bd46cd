"""A DICOM series.

    python series.py make FOLDER SLICES SIDE     writes it in shuffled order
    python series.py read FOLDER RUNS            reads it with pydicom and SimpleITK, as float32 in HU; prints the seconds"""

import json
import random
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid


def make(folder, slices, side):
    ds = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    ds.Rows = ds.Columns = side
    ds.SeriesInstanceUID = generate_uid()
    ds["PixelData"].VR = "OW"
    places = list(range(slices))
    random.Random(1).shuffle(places)
    noise = np.random.default_rng(1).integers(0, 2000, side * side + slices, dtype=np.uint16)
    for number, place in enumerate(places):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.InstanceNumber = str(place + 1)
        ds.ImagePositionPatient = [-100, -100, 0.8 * place]
        ds.PixelData = noise[place : place + side * side].tobytes()
        ds.save_as(folder / f"IM{number:05}")
    print(slices)


def by_pydicom(folder):
    read = [pydicom.dcmread(path) for path in folder.iterdir()]
    read.sort(key=lambda ds: ds.ImagePositionPatient[2])
    return np.stack([ds.pixel_array * np.float32(ds.RescaleSlope) + np.float32(ds.RescaleIntercept) for ds in read])


def by_simpleitk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    reader.SetOutputPixelType(sitk.sitkFloat32)
    return reader.Execute()


def seconds(read, folder, runs):
    read(folder)
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        read(folder)
        taken.append(time.perf_counter() - started)
    return taken


if __name__ == "__main__":
    action, folder, *numbers = sys.argv[1:]
    if action == "make":
        make(Path(folder), *map(int, numbers))
    else:
        runs = int(numbers[0])
        answer = {"pydicom": seconds(by_pydicom, Path(folder), runs), "simpleitk": seconds(by_simpleitk, Path(folder), runs)}
        print(json.dumps(answer))
