"""Explains a picture with a model that was exported by `convert onnx`: python3 onnx_export.py MODEL.onnx PICTURE.png

The picture's black and white must be the ends of the model's window, and its size that of the model's input.
Needs numpy, onnxruntime and pillow.
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

model, picture = sys.argv[1:]
session = onnxruntime.InferenceSession(model)
grey = np.asarray(Image.open(picture).convert("L"), dtype=np.float32)
image = (grey / 127.5 - 1.0)[None, None]  # [batch, 1, height, width] in [-1, 1]

outputs = [output.name for output in session.get_outputs()]
result = dict(zip(outputs, session.run(None, {"image": image})))
changed = int((result["difference"] > 0.25).sum())
print(f"probability of abnormal: {result['before'].item():.3f}, after inpainting {result['after'].item():.3f}; mask: {changed} pixels")
