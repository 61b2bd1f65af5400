# Training that is interrupted and resumed gives the same weights, moments and averages as training without interruption,
# bit for bit, in every stage. It is interrupted by kill -9 before the first checkpoint, by kill -9 between two checkpoints,
# and by SIGTERM. The uninterrupted training is another process with the same seed, so the test also shows that the same
# seed gives the same result.
#
# Interrupted processes have a million iterations to do, so that they cannot finish first. The last process, and the one it
# is compared with, end 16 iterations after the last checkpoint.
. tests/support/flow.sh
write_flow_config
echo "limits: {timeout_ms: 120000}" >>"$work/config.yaml" # a client may come before its trainer has started
options="--set threads=1"
for stage in 1 2 3; do options="$options --set stage$stage.schedule=constant"; done
metrics=$work/run/metrics.jsonl log=$work/trainer.log trainer='' client=''
: >"$log"

# The trainer runs without a supervisor, which would wait before it restarts a process that dies often.
start_trainer()
{
    "$RG_BIN/rg-trainer" --config "$work/config.yaml" $options "$@" 2>>"$log" </dev/null &
    trainer=$!
}

# end_trainer SIGNAL: works on a stopped process, too.
end_trainer()
{
    kill -"$1" "$trainer"
    kill -CONT "$trainer" 2>/dev/null
    wait "$trainer" 2>/dev/null
    trainer=
}
trap 'code=$?; [ -z "$trainer" ] || end_trainer KILL; (exit $code); cleanup' EXIT

# Numbers of iterations, 0 for none. The metrics stream has a line for every tenth.
reported() { tail -n 1 "$metrics" | sed -nE 's/.*"iteration":([0-9]+).*/\1/p' | grep . || echo 0; }
saved() { grep -aom 1 '"iteration":"[0-9]*"' "$checkpoint" 2>/dev/null | tr -dc 0-9 | grep . || echo 0; }

before_the_first() { [ "$(saved)" -eq 0 ] && [ "$(reported)" -gt 0 ]; }
between_two() { [ "$(saved)" -gt 0 ] && [ "$(reported)" -gt "$(saved)" ]; }

# life ITERATIONS CHECKPOINT_EVERY [OPTION...]: prints the options of one trainer process.
life() { echo "--set $name.iterations=$1 --set $name.checkpoint_every=$2 ${*:3}"; }

# What a loop below waits for comes only while the trainer runs and a client asks for its training.
both_live()
{
    kill -0 "$trainer" || fail "$name: the trainer is gone"
    kill -0 "$client" || fail "$name: the client is gone"
}

# hold CONDITION: stops the trainer where the condition holds. If it ran on before it stopped, it is continued and tried
# again.
hold()
{
    while :; do
        until "$1"; do both_live; done
        kill -STOP "$trainer"
        "$1" && return
        kill -CONT "$trainer"
    done
}

# begun: the iteration at which each process began this stage, one line each.
begun() { grep " train stage=$name " "$log" | sed -E 's/.* iteration=([0-9]+).*/\1/'; }

# kill_at CONDITION OPTION...: kills the trainer where the condition holds; the next one resumes at the checkpoint.
kill_at()
{
    local lives
    hold "$1"
    lives=$(begun | wc -l)
    end_trainer KILL
    : >"$metrics"
    start_trainer "${@:2}"
    until [ "$(begun | wc -l)" -gt "$lives" ]; do both_live; done
}

# same_weights STAGE [OPTION...]: trains the stage with three interruptions, then without, and compares.
same_weights()
{
    local before begins endless last reached
    name=stage$1 checkpoint=$work/run/stage$1.safetensors
    before=$(begun | wc -l)
    endless=$(life 1000000 16 "${@:2}")
    : >"$metrics"
    start_trainer $(life 1000000 1000000 "${@:2}")
    "$RG_BIN/rg-ctl" train --stage "$1" >"$work/out" 2>"$work/err" </dev/null &
    client=$!
    kill_at before_the_first $endless
    kill_at between_two $endless
    hold between_two
    reached=$(reported)
    end_trainer TERM
    [ "$(saved)" -ge "$reached" ] || fail "$name: stopped after $reached, but saved $(saved)"
    last=$(life $(($(saved) + 16)) 16 "${@:2}")
    start_trainer $last
    wait $client || fail "$name was not finished"
    # (If the last process finishes before the client reconnects, the client asks again and a fifth line follows.)
    begins=$(begun | tail -n +$((before + 1)) | head -n 4 | tr '\n' ' ')
    [[ $begins =~ ^0\ 0\ [1-9][0-9]*\ [1-9] ]] || fail "$name began at iterations $begins"
    end_trainer TERM
    mv "$checkpoint" "$work/interrupted"
    start_trainer $last
    run 0 train --stage "$1"
    cmp "$checkpoint" "$work/interrupted" || fail "$name $*: resumed to other weights"
    end_trainer TERM
}

run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 up --only retrieval,encoder,loader
same_weights 1
same_weights 2
same_weights 3
rm "$checkpoint"
same_weights 3 --set retrieval.neighbours=random
