# Two ranks train stages 1 and 3 to the same weights as one process with twice the batch. They end together: when rank 0 is
# stopped while the other one waits for the loader, and when either of them is killed. Training that was stopped is resumed
# to the same weights as training without interruption.
. tests/support/flow.sh
[ -n "${RG_MPIRUN:-}" ] || { echo "SKIP: rg-trainer is built without MPI"; exit 77; }
write_flow_config
metrics=$work/run/metrics.jsonl log=$work/trainer.log trainer='' with=''
# SGD, because Adam would turn rounding errors in gradients that are zero into full steps.
options="--set stage1.optimizer=sgd --set stage3.optimizer=sgd --set stage3.lr=0.002"
mpi="$RG_MPIRUN --allow-run-as-root --oversubscribe --bind-to none -np 2"

# start_trainer [OPTION...]: under $with, which is "$mpi" or empty.
start_trainer()
{
    $with "$RG_BIN/rg-trainer" --config "$work/config.yaml" $options "$@" 2>>"$log" </dev/null &
    trainer=$!
}

# The process ids that mpirun started.
ranks() { cat "/proc/$trainer/task/$trainer/children"; }
rank_0() { field trainer pid; }
other_rank() { local pid; for pid in $(ranks); do [ "$pid" = "$(rank_0)" ] || echo "$pid"; done; }

# The process has exited; it may still be a zombie.
is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# expect_end CODE: waits until all processes of the trainer have exited. The test's timeout ends an endless wait.
expect_end()
{
    local code pid
    wait "$trainer"
    code=$?
    trainer=
    [ $(($code > 0)) -eq "$1" ] || fail "the trainer exited with $code: $(tail -n 3 "$log")"
    for pid in $all; do until is_gone "$pid"; do :; done; done
}
stop_trainer() { all="$trainer $(rank_0)"; kill -TERM "$(rank_0)"; expect_end 0; }
trap 'code=$?; [ -z "$trainer" ] || kill -KILL $trainer $(ranks) 2>/dev/null; [ -z "${loader:-}" ] || kill -CONT $loader
    (exit $code); cleanup' EXIT

# train STAGE NAME [OPTION...]: copies the checkpoint and the metrics to NAME.
train()
{
    rm -f "$work/run/stage$1.safetensors" "$metrics"
    start_trainer "${@:3}"
    run 0 train --stage "$1"
    stop_trainer
    cp "$work/run/stage$1.safetensors" "$work/$2.safetensors"
    cp "$metrics" "$work/$2.jsonl"
}

near()
{
    python3 tests/support/near.py "$work/$1.$3" "$work/$2.$3" 1e-4 >"$work/out" 2>"$work/err" || fail "$1 is not $2"
    echo "$1, $2: $(cat "$work/out")"
}

# same STAGE: trains it with two ranks and with one process, and compares.
same()
{
    with=$mpi train "$1" ranks --set stage$1.batch=4
    with='' train "$1" alone --set stage$1.batch=8
    near ranks alone safetensors
    near ranks alone jsonl
}

# begin_endless: starts stage 3 on two ranks and waits for its first iteration.
begin_endless()
{
    rm -f "$work/run/stage3.safetensors"
    with=$mpi start_trainer --set stage3.iterations=1000000 --set stage3.schedule=constant
    "$RG_BIN/rg-ctl" train --stage 3 >"$work/out" 2>"$work/err" </dev/null &
    client=$!
    until_field trainer stage = stage3
    until_field trainer iteration -ge 1
    all="$(ranks)"
    [ "$(echo $all | wc -w)" -eq 2 ] || fail "the ranks are: $all"
}
end_client() { kill "$client" 2>/dev/null; wait "$client" 2>/dev/null; rm -f "$work/run/job"; }

run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 up --only retrieval,encoder,loader
same 1
with=$mpi train 2 ranks
with='' train 2 alone
cmp "$work/ranks.safetensors" "$work/alone.safetensors" || fail "stage 2 is not what rank 0 trains alone"
grep -q " single-rank stage=stage2 " "$log" || fail "the log does not say that rank 0 trains stage 2 alone"
same 3

# An error ends the job; the ranks take the next one.
rm "$work/run/stage1.safetensors"
with=$mpi start_trainer --set stage1.batch=5
run 1 train --stage 1
err_has "stage1.batch: must be even to be shared by several ranks, not 5"
run 0 train --stage 2
stop_trainer

begin_endless # a rank is killed
kill -KILL "$(other_rank)"
expect_end 1
end_client

begin_endless # rank 0 is killed
kill -KILL "$(rank_0)"
expect_end 1
end_client

begin_endless # rank 0 is stopped while the loader sends no batches
loader=$(field loader pid)
kill -STOP "$loader"
first=$(rank_0)
kill -TERM "$first"
expect_end 0
kill -CONT "$loader"
loader=
end_client
reached=$(grep -aom 1 '"iteration":"[0-9]*"' "$work/run/stage3.safetensors" | tr -dc 0-9)
[ "${reached:-0}" -ge 1 ] || fail "stopped, but nothing was saved"
last="--set stage3.iterations=$((reached + 8)) --set stage3.schedule=constant"
with=$mpi start_trainer $last
run 0 train --stage 3
stop_trainer
mv "$work/run/stage3.safetensors" "$work/resumed"
with=$mpi train 3 endless $last
cmp "$work/resumed" "$work/endless.safetensors" || fail "resumed to other weights"
