# A device that is lost, or has too little memory, ends the training with one sentence and exit code 1. The last checkpoint
# stays, and training goes on from there. An encoder whose device is lost ends and is started again, and every request
# is answered. An evaluation gives the same numbers on the device and on the processor.
. tests/support/flow.sh
[ -z "${RG_SANITIZED:-}" ] || { echo "SKIP: drivers are not made for sanitizers"; exit 77; }
run 0 device --json
grep -q '"device":"gpu:0"' "$work/out" || { echo "SKIP: no OpenCL device"; exit 77; }
write_flow_config
mkdir -p "$work/run" "$RG_OPENCL_CACHE" "$POCL_CACHE_DIR"
ln -s "$RG_OPENCL_CACHE" "$work/run/opencl" # the kernels that other tests compiled
trainer=

# The trainer runs without a supervisor, so that each one has its own faults.
start_trainer()
{
    [ -z "$trainer" ] || { kill "$trainer"; wait "$trainer"; }
    "$RG_BIN/rg-trainer" --set device=gpu:0 2>>"$work/trainer.log" </dev/null &
    trainer=$!
}
saved() { grep -aom 1 '"iteration":"[0-9]*"' "$work/run/stage1.safetensors" | tr -dc 0-9; }

run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 up --only retrieval,encoder,loader

# An iteration launches some thousand kernels: the device is lost after the checkpoint of iteration 3.
LD_PRELOAD=$RG_FAIL_OPENCL_LIBRARY RG_FAIL_LAUNCH=5000 start_trainer
run 1 train --stage 1
err_has 'the device or its driver failed: cannot .* \(OpenCL error -5\); the checkpoint of iteration 3 counts'
err_is_one_line
[ "$(saved)" -eq 3 ] || fail "the checkpoint is of iteration $(saved)"

LD_PRELOAD=$RG_FAIL_OPENCL_LIBRARY RG_FAIL_BYTES=4000000 start_trainer
run 1 train --stage 1
err_has 'out of device memory: .* one piece needs [0-9]+ MiB, for stage1.batch 4, data.img_size 32, model.gf 4'
err_is_one_line
[ "$(saved)" -eq 3 ] || fail "the checkpoint is of iteration $(saved)"

start_trainer
run 0 train --stage 1
[ "$(saved)" -eq 6 ] || fail "the stage ended at iteration $(saved)"
grep -q ' train stage=stage1 iteration=3 of=6' "$work/trainer.log" || fail "it did not go on from iteration 3"

# A translation launches some hundred kernels.
translate() { run 0 translate --image "$work/faces/img_align_celeba/000001.jpg" --attr Male=1 --out "$work/$1.png"; }
run 0 down
LD_PRELOAD=$RG_FAIL_OPENCL_LIBRARY RG_FAIL_LAUNCH=400 run 0 up --only retrieval,encoder --set inference.device=gpu:0
first=$(field encoder pid)
for n in 1 2 3 4 5; do translate "$n"; done
grep -q 'the device or its driver failed' "$work/run/logs/encoder.log" || fail "the encoder's device did not fail"
[ "$(field encoder pid)" -ne "$first" ] || fail "the encoder goes on without its device"
run 0 down

# evaluate DEVICE OPTION...: writes what is measured to DEVICE.numbers, a line for each number.
evaluate()
{
    set -- "$@" --set "inference.device=$1"
    run 0 up --only retrieval,encoder,loader,evaluator "${@:2}"
    [ -e "$work/run/classifier.safetensors" ] || run 0 train --stage classifier
    run 0 evaluate --stage 1 --json "${@:2}"
    tr ',{}' '\n' <"$work/out" | grep -E '^"[a-z_]+(latent|reference|floor|255)":' >"$work/$1.numbers"
    run 0 down
}

# The images that are judged have 256 grey levels, so most numbers are the same to the last digit.
same_numbers()
{
    evaluate cpu "$@"
    evaluate gpu:0 "$@"
    grep -q 'evaluator device stage=stage1 device=gpu:0' "$work/run/logs/evaluator.log" || fail "the device was not used"
    paste -d: "$work/cpu.numbers" "$work/gpu:0.numbers" |
        awk -F: '{ d = $2 - $4; if (d * d > 1e-6 * $2 * $2) exit 1 } END { if (NR < 6) exit 1 }' ||
        fail "the device measures something else: $(paste "$work/cpu.numbers" "$work/gpu:0.numbers")"
}
same_numbers
run 0 export --model onnx --out "$work/networks"
same_numbers --set "evaluation.extractor.file=$work/networks/attribute.onnx" --set evaluation.extractor.features=code
