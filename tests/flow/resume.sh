# Training that is ended and taken up again - kill -9 before the first checkpoint, kill -9 between two, SIGTERM - gives the
# weights, moments and averages of training that never ended, bit for bit, in every stage. What never ends is another
# process with the same seed: that the same seed gives the same result is tested as well.
. tests/support/flow.sh
write_flow_config
options="--set threads=1"
for stage in 1 2 3; do options="$options --set stage$stage.iterations=80 --set stage$stage.checkpoint_every=16"; done
metrics=$work/run/metrics.jsonl log=$work/trainer.log trainer=

# The trainer has no supervisor here: that one waits before it starts again what keeps dying.
start_trainer()
{
    "$RG_BIN/rg-trainer" --config "$work/config.yaml" $options "$@" 2>>"$log" </dev/null &
    trainer=$!
}

# end_trainer SIGNAL: also one that is held.
end_trainer()
{
    kill -"$1" "$trainer"
    kill -CONT "$trainer" 2>/dev/null
    wait "$trainer" 2>/dev/null
    trainer=
}
trap 'code=$?; [ -z "$trainer" ] || end_trainer KILL; (exit $code); cleanup' EXIT

# Iterations, 0: none. The metrics stream has a line every ten.
reported() { tail -n 1 "$metrics" | sed -nE 's/.*"iteration":([0-9]+).*/\1/p' | grep . || echo 0; }
saved() { grep -aom 1 '"iteration":"[0-9]*"' "$checkpoint" 2>/dev/null | tr -dc 0-9 | grep . || echo 0; }

before_the_first() { [ "$(saved)" -eq 0 ] && [ "$(reported)" -gt 0 ]; }
between_two() { [ "$(saved)" -gt 0 ] && [ "$(reported)" -gt "$(saved)" ]; }

# hold WHERE: the trainer stands still there. Where it ran on after it was seen, it is held at its next such place.
hold()
{
    while :; do
        until "$1"; do kill -0 "$trainer" || fail "$name: the trainer is gone"; done
        kill -STOP "$trainer"
        "$1" && return
        kill -CONT "$trainer"
    done
}

# begun: how the trainer's lives began with this stage, one line each.
begun() { grep " train stage=$name " "$log" | sed -E 's/.* iteration=([0-9]+).*/\1/'; }

# interrupt WHERE SIGNAL [OPTION...]: ends the trainer there; the next one takes the job up where the checkpoint is.
interrupt()
{
    local lives reached
    hold "$1"
    lives=$(begun | wc -l) reached=$(reported)
    end_trainer "$2"
    [ "$2" = KILL ] || [ "$(saved)" -ge "$reached" ] || fail "$name: stopped after $reached, but saved $(saved)"
    : >"$metrics"
    start_trainer "${@:3}"
    until [ "$(begun | wc -l)" -gt "$lives" ]; do kill -0 "$trainer" || fail "$name: the trainer is gone"; done
}

# same_weights STAGE [OPTION...]: trains the stage without an end and with three.
same_weights()
{
    local client begins
    name=stage$1 checkpoint=$work/run/stage$1.safetensors
    start_trainer "${@:2}"
    run 0 train --stage "$1"
    mv "$checkpoint" "$work/never_ended"
    : >"$metrics"
    "$RG_BIN/rg-ctl" train --stage "$1" >"$work/out" 2>"$work/err" </dev/null &
    client=$!
    interrupt before_the_first KILL "${@:2}"
    interrupt between_two KILL "${@:2}"
    interrupt between_two TERM "${@:2}"
    wait $client || fail "$name was not finished"
    begins=$(begun | tail -n 4 | tr '\n' ' ')
    [[ $begins =~ ^0\ 0\ [1-9] ]] || fail "$name began at iterations $begins"
    cmp "$checkpoint" "$work/never_ended" || fail "$name $*: resumed to other weights"
    end_trainer TERM
}

run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 up --only retrieval,encoder,loader
same_weights 1
same_weights 2
same_weights 3
rm "$checkpoint"
same_weights 3 --set retrieval.neighbours=random
