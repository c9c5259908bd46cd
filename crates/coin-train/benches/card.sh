#!/bin/sh
# What a graphics card decides, in eight minutes at most: convolutions by our kernels and by Burn's, explanations against
# onnxruntime, training steps against PyTorch, all on the same card.
#
#   cargo xtask card vulkan cuda      # where there is a compiler: packs target/card
#   COIN_PYTHON=python3 ./card.sh     # in that folder, on the machine with the card
#
# The Python has numpy, onnxruntime-gpu and torch; without it only our own times are printed.

cd "$(dirname "$0")" || exit 1
export CARGO_MANIFEST_DIR="$PWD/crates/coin-train"
end=$(($(date +%s) + 480))

# Runs a benchmark of a way to the card for a number of seconds at most, fewer where fewer are left.
measure() {
    way=$1 most=$2 bench=$3
    shift 3
    left=$((end - $(date +%s)))
    [ "$left" -lt "$most" ] && most=$left
    if [ "$most" -lt 5 ]; then
        echo "LEFT OUT: $bench $* on $way, for want of time"
        return
    fi
    timeout "$most" "./$way/$bench" --device "$way" "$@" || echo "FAILED: $bench $* on $way"
}

for way in cuda vulkan; do
    [ -d "$way" ] || continue
    measure "$way" 40 explanation coin-
    measure "$way" 40 training_step quick
    measure "$way" 40 classifier_step
    measure "$way" 40 convolution
    export COIN_WIDE=1000000
    echo "with our kernels for wide convolutions, too:"
    measure "$way" 30 convolution channels
    unset COIN_WIDE
    measure "$way" 40 explanation paper
    measure "$way" 60 training_step paper --set counterfactual.batch=8
done
