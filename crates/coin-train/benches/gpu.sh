#!/bin/sh
# GPU benchmarks in at most eight minutes: convolutions with our kernels and Burn's, explanations versus onnxruntime, and
# training steps versus PyTorch, all on the same GPU in f32.
#
#   cargo xtask gpu vulkan cuda      # on a machine with a compiler: packs target/gpu
#   COIN_PYTHON=python3 ./gpu.sh     # in that folder, on the machine with the GPU
#
# This Python needs numpy, onnxruntime-gpu and torch. Without it, only our own times are printed.

cd "$(dirname "$0")" || exit 1
export CARGO_MANIFEST_DIR="$PWD/crates/coin-train"
end=$(($(date +%s) + 480))
failed=0
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null

# Runs a benchmark of a build with a time limit in seconds, or with the time that is left if that is shorter.
measure() {
    build=$1 most=$2 bench=$3
    shift 3
    [ -x "./$build/$bench" ] || return
    left=$((end - $(date +%s)))
    [ "$left" -lt "$most" ] && most=$left
    if [ "$most" -lt 5 ]; then
        echo "SKIPPED for lack of time: $build, $bench $*"
        return
    fi
    echo "$build:"
    timeout "$most" "./$build/$bench" --device "${build%-tuned}" "$@"
    case $? in
        0) ;;
        124) echo "TIMED OUT after $most s: $build, $bench $*" ;;
        *) echo "FAILED: $build, $bench $*" && failed=1 ;;
    esac
}

# The most important benchmarks run first, on every backend.
for build in cuda vulkan cuda-tuned vulkan-tuned; do
    measure "$build" 30 explanation coin-
    measure "$build" 40 training_step quick
    measure "$build" 30 classifier_step
done
for build in cuda cuda-tuned vulkan vulkan-tuned; do
    measure "$build" 30 convolution
    measure "$build" 60 training_step paper --set counterfactual.batch=8
done
export COIN_WIDE=1000000
for build in cuda-tuned vulkan-tuned; do
    echo "with our kernels for wide convolutions, too:"
    measure "$build" 30 convolution
done
unset COIN_WIDE
for build in cuda vulkan; do
    measure "$build" 60 explanation paper
done
exit "$failed"
