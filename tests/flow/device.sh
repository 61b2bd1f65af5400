# A device that is lost, or has too little memory, ends the training with one sentence and exit code 1. The last checkpoint
# stays, and training goes on from there.
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

run 0 make-faces "$work/faces" --count 20 --seed 1
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
