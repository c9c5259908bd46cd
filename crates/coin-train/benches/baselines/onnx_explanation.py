"""One explanation (probability, counterfactual, probability) in onnxruntime with a model exported by `convert onnx`.

    python onnx_explanation.py MODEL.onnx INPUT.f32 SIZE THREADS RUNS DEVICE

INPUT.f32 contains SIZE * SIZE little-endian values in [-1, 1]; DEVICE is cpu or cuda. Prints one JSON object: the seconds of
each run after a warm-up, both probabilities and the counterfactual. Needs numpy and onnxruntime."""

import json
import sys

import numpy as np
import onnxruntime

from timing import seconds


def main():
    model, picture = sys.argv[1:3]
    size, threads, runs = map(int, sys.argv[3:6])
    provider = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[sys.argv[6]]
    # Full f32, as in our code: TF32 has only ten bits of mantissa.
    full = {"use_tf32": "0"} if sys.argv[6] == "cuda" else {}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Fixed dimensions let onnxruntime plan its memory.
    for side, length in {"batch": 1, "height": size, "width": size}.items():
        options.add_free_dimension_override_by_name(side, length)
    session = onnxruntime.InferenceSession(model, options, providers=[provider], provider_options=[full])
    if provider not in session.get_providers():
        sys.exit(f"this onnxruntime does not support {provider}")
    x = np.fromfile(picture, "<f4").reshape(1, 1, size, size)
    names = ["before", "after", "counterfactual"]
    taken, (before, after, counterfactual) = seconds(runs, lambda: session.run(names, {"image": x}))
    answer = {
        "seconds": taken,
        "before": float(before[0, 0]),
        "after": float(after[0, 0]),
        "counterfactual": counterfactual.ravel().tolist(),
    }
    print(json.dumps(answer))


main()
