#!/bin/bash
# From JPEGs to the retrieval set:  tests/bench/ingest.sh [FOLDER] [--set KEY=VALUE ...]
#
# The JPEGs of FOLDER (without it, 400 procedural faces of CelebA's 178x218 pixels) become one archive, which rg-ctl add-images
# adds at 32, 64 and 128 px with the networks of configs/faces32.yaml, celeba64.yaml and celeba128.yaml, trained for one iteration.
# Printed are images per second, and the processor time per image of each process, all threads, beside its limit: for the loader
# libjpeg-turbo's bare decoding of the same files (tests/bench/loader), for the encoder its convolutions alone, for
# the 64 images of a request (tests/bench/encode). Images per second are at most the reciprocal of the longest time, because the processes overlap
# where there are cores for it.
#
# SIZES="32 64 128" and IMAGES=2000 bound the run; RG_BIN is the folder of the executables.
set -euo pipefail
cd "$(dirname "$0")/../.."
export GOMP_SPINCOUNT=2000 # as rg-ctl up sets it
bin=${RG_BIN:-build/bin} bench=${RG_BIN:-build/bin}/../tests/bench images=${IMAGES:-2000}
folder=
case ${1:---} in --*) ;; *) folder=$1; shift ;; esac

work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX")
options=()
finish()
{
    [ ${#options[@]} -eq 0 ] || "$bin/rg-ctl" down "${options[@]}" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

mkdir "$work/jpegs"
"$bin/rg-ctl" make-faces "$work/faces" --count 80 >/dev/null 2>&1
if [ -z "$folder" ]; then
    "$bin/rg-ctl" make-faces "$work/plain" --count 400 --plain >/dev/null 2>&1
    folder=$work/plain
fi
{ find -L "$folder" -name '*.jpg' | sort | head -n "$images" || true; } | xargs cp -t "$work/jpegs"
tar -C "$work" -cf "$work/0.tar" jpegs
count=$(find "$work/jpegs" -name '*.jpg' | wc -l)

# The processor time of a process in milliseconds.
busy_ms()
{
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print 1000 * ($12 + $13) / hz }' "/proc/$1/stat"
}
pid_of() { "$bin/rg-ctl" status --json "${options[@]}" "$1" | sed -nE 's/.*"pid":([0-9]+).*/\1/p'; }
per_image() { awk -v a="$1" -v b="$2" -v n="$count" 'BEGIN { printf "%.3f", (b - a) / n }'; }

bare=$(printf 'bare\nbare\nbare\n' | "$bench/loader" "$work/jpegs" | # which reads the first 2,000 files
    awk -F = 'NR == 1 { n = $2 } NR > 2 && (!least || $1 < least) { least = $1 } END { printf "%.3f", least / n }')

echo "$count images, processor time per image in milliseconds"
echo
echo "| px | images/s | rg-ctl | loader | bare JPEG | encoder | convolutions | convolutions / encoder | retrieval |"
echo "|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
for size in ${SIZES:-32 64 128}; do
    config=configs/faces32.yaml
    [ "$size" -eq 32 ] || config=configs/celeba$size.yaml
    options=(--config "$config" --set run="$work/run$size" --set data.root="$work/faces" --set data.crop=0 --set retrieval.map_size_gib=4
        --set stage1.iterations=1 --set stage1.batch=2 --set stage1.sample_every=0 --set stage2.iterations=1
        --set stage2.batch=8 --set stage2.sample_every=0 "$@")
    "$bin/rg-ctl" up "${options[@]}" >/dev/null
    for stage in 1 2; do "$bin/rg-ctl" train --stage $stage "${options[@]}" >/dev/null 2>&1; done
    declare -A before=()
    for service in loader encoder retrieval; do before[$service]=$(busy_ms "$(pid_of $service)"); done
    TIMEFORMAT='%R %U %S'
    { time "$bin/rg-ctl" add-images "${options[@]}" "$work/0.tar" >/dev/null 2>&1; } 2>"$work/time"
    read -r real user system <"$work/time"
    declare -A spent=()
    for service in loader encoder retrieval; do spent[$service]=$(per_image "${before[$service]}" "$(busy_ms "$(pid_of $service)")"); done
    convolutions=$("$bench/encode" "${options[@]}" | awk '$2 == 64 { print $6 }')
    awk -v size="$size" -v n="$count" -v s="$real" -v ctl="$(echo "$user $system" | awk '{ print 1000 * ($1 + $2) }')" \
        -v l="${spent[loader]}" -v bare="$bare" -v e="${spent[encoder]}" -v c="$convolutions" -v r="${spent[retrieval]}" \
        'BEGIN { printf "| %d | %.0f | %.3f | %.3f | %.3f | %.3f | %.3f | %.2f | %.3f |\n", size, n / s, ctl / n, l, bare, e, c, c / e, r }'
    "$bin/rg-ctl" down "${options[@]}" >/dev/null
    options=()
done
