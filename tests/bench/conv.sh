#!/bin/sh
# Speed of every convolution of a training step, each layer's share of the machine's measured peak:
#   tests/bench/conv.sh [SETTING [PRECISION]]      SETTING 32, 64, 128 or all (default), PRECISION f32, bf16 or all
# The settings are those of train_step.sh. The peak is measured beside: independent multiply-adds in registers for f32,
# the best matrix product for bf16. Shares count the multiplications of the plain definition, so Winograd's layers pass 100 %.
# BUILD names the build folder (default build).
set -eu
setting=${1:-all} precision=${2:-all} bench=${BUILD:-build}/tests/bench/conv
case $setting in 32 | 64 | 128 | all) ;; *) sed -n 2,6p "$0" >&2; exit 2 ;; esac
case $precision in f32 | bf16 | all) ;; *) sed -n 2,6p "$0" >&2; exit 2 ;; esac
[ -x "$bench" ] || { echo "conv: $bench is missing: build first, or name the build folder in BUILD" >&2; exit 1; }

# run PIXELS GF BLOCKS D_LAYERS BATCH
run()
{
    [ "$setting" = all ] || [ "$setting" = "$1" ] || return 0
    for p in f32 bf16; do
        [ "$precision" = all ] || [ "$precision" = $p ] || continue
        echo "### $1 px, gf $2, $3 residual blocks, D of $4 layers, batch $5, $p"
        "$bench" --set threads=2 --set targets=both --set precision=$p --set data.img_size="$1" --set model.gf="$2" \
            --set model.n_res="$3" --set model.df=64 --set model.d_layers="$4" --set stage1.batch="$5"
        echo
    done
}
run 32 16 2 3 16
run 64 32 2 4 8
run 128 64 4 5 2
