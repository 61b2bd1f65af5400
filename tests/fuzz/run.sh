#!/bin/sh
# Coverage-guided fuzzing by hand:  tests/fuzz/run.sh [SECONDS [TARGET ...]]
#
# Builds the fuzz targets with clang, libFuzzer and the address and undefined-behaviour sanitizers, runs each for SECONDS (default 600)
# from its seeds and the inputs that earlier runs have found, and prints which regions and lines of the parsers were reached. The exit
# code is 1 if a target failed; the inputs that did it are in the folder that is named then. BUILD names the build folder (default:
# build-fuzz), CLANG_VERSION=14 takes clang-14 and its tools.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build-fuzz} seconds=${1:-600} version=${CLANG_VERSION:+-$CLANG_VERSION} failed=0
[ $# -eq 0 ] || shift
case $seconds in *[!0-9]* | '') sed -n '2s/^# //p' "$0" >&2; exit 2 ;; esac

# The files that a target is for; what else it runs through does not count.
parsers()
{
    case $1 in
    fuzz-image) echo common/data/codec*.c common/data/exif.c common/data/format.c ;;
    fuzz-dataset) echo common/data/tables.c ;;
    fuzz-msg) echo common/wire/msg.c common/wire/bounds.c ;;
    fuzz-config) echo common/config/config.c common/core/endpoint.c ;;
    fuzz-checkpoint) echo common/model/safetensors.c ;;
    fuzz-training) echo common/model/checkpoint.c ;;
    fuzz-features) echo services/evaluator/features.c ;;
    fuzz-client) echo common/client/client.c common/client/images.c common/client/search.c ;;
    fuzz-snapshot) echo services/retrieval/snapshot.c ;;
    fuzz-lists) echo services/retrieval/lists.c services/retrieval/lists_search.c services/retrieval/rows_file.c ;;
    fuzz-store) echo services/retrieval/store*.c ;;
    fuzz-retrieval) echo services/retrieval/answers*.c services/retrieval/view.c ;;
    fuzz-loader) echo services/loader/ingest.c services/loader/batch.c ;;
    fuzz-encoder) echo services/encoder/answer.c ;;
    fuzz-onnx) echo common/onnx/onnx.c common/onnx/graph.c common/onnx/attribute.c common/onnx/op_*.c ;;
    fuzz-gateway) echo common/wire/http_head.c services/gateway/http_access.c services/gateway/http_api.c services/gateway/run_files.c ;;
    fuzz-zmtp) echo common/wire/zmtp.c ;;
    fuzz-keys) echo common/wire/access.c common/wire/keypair.c ;;
    fuzz-report) echo services/report/record.c services/report/run_report.c services/report/measures.c common/report/evaluation_report.c ;;
    fuzz-shard) echo services/ctl/shard.c services/ctl/path_list.c ;;
    fuzz-words) echo common/core/endpoint.c common/core/clock.c common/core/image_name.c common/config/services.c ;;
    esac
}

cmake -S . -B "$build" -G Ninja -DCMAKE_C_COMPILER="clang$version" -DCMAKE_CXX_COMPILER="clang++$version" \
    -DCMAKE_BUILD_TYPE=Release -DRG_SANITIZE=address,undefined -DRG_FUZZER=ON >/dev/null
# shellcheck disable=SC2046  # several targets
[ $# -gt 0 ] || set -- $(sed -n 's/^rg_fuzz(\([^ ]*\) .*/\1/p' tests/fuzz/CMakeLists.txt)
cmake --build "$build" --target "$@" >/dev/null

for target; do
    work=$build/fuzz/$target
    mkdir -p "$work/seeds" "$work/corpus" "$work/failures"
    echo "### $target, $seconds s"
    RG_FUZZ_SEEDS=$work/seeds LLVM_PROFILE_FILE=$work/profile "$build/tests/fuzz/$target" -max_total_time="$seconds" -timeout=60 \
        -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -artifact_prefix="$work/failures/" "$work/corpus" "$work/seeds" \
        >"$work/log" 2>&1 || { failed=1; echo "failed: see $work/log and $work/failures"; grep -E 'SUMMARY|ERROR' "$work/log" || true; }
    sed -n 's/^stat::number_of_executed_units: */inputs: /p' "$work/log"
    [ -s "$work/profile" ] || continue
    "llvm-profdata$version" merge -o "$work/merged" "$work/profile"
    "llvm-cov$version" report "$build/tests/fuzz/$target" -instr-profile="$work/merged" | awk -v parsers="$(parsers "$target")" '
        BEGIN { n = split(parsers, parser, " ") }
        { sub(/^(\.\.\/)+/, "", $1); for (i = 1; i <= n; i++) if (parser[i] == $1) printf "%-40s regions %7s   lines %7s\n", $1, $4, $10 }'
done
exit $failed
