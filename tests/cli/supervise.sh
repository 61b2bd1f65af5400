# up starts a service, a second up is refused, a killed service is started again, down stops it. One service
# is enough to show it. Logs are bounded, and files are the user's alone.
. tests/support/lib.sh
need retrieval
write_config
umask 022
config="--config $work/config.yaml"

pid_of() { sed -E 's/.*"pid":([0-9]+).*/\1/' "$work/out"; }

run 0 up $config --only retrieval --json
first=$(pid_of)
run 0 status $config --json retrieval
[ "$(pid_of)" = "$first" ] || fail "status shows another process than up"
run 1 up $config --only retrieval
err_has "already running \(pid [0-9]+ in .*rg.pid\)"
err_is_one_line

kill -9 "$first"
# status gives up after seconds, and on a busy machine a restart takes longer: the test's timeout ends this.
until "$RG_BIN/rg-ctl" status $config --json retrieval >"$work/out" 2>"$work/err"; do :; done
second=$(pid_of)
[ "$second" != "$first" ] || fail "the killed service still answers"
[ -s "$work/run/logs/retrieval.log" ] || fail "no log of the service"
grep -q "ended service=retrieval signal=9" "$work/run/logs/supervisor.log" || fail "the supervisor did not log the death"

# A log that has grown too large is emptied, and its lines are kept once.
log=$work/run/logs/retrieval.log
head -c 9M /dev/zero >>"$log"
until [ -s "$log.1" ] && [ "$(stat -c %s "$log")" -lt 8388608 ]; do sleep 0.1; done # the test's timeout ends this

# Images, weights and locks are nobody else's, whatever the umask.
run 0 status $config retrieval
open_to_others=$(find "$work/run" -perm /077)
[ -e "$work/run/store/data.mdb" ] && [ -z "$open_to_others" ] || fail "other users may open $open_to_others"

run 0 down $config
out_has "stopped \(pid [0-9]+\)"
kill -0 "$second" 2>/dev/null && fail "the service survived down"
[ ! -e "$work/run/rg.pid" ] || fail "rg.pid is left"
run 1 status $config retrieval
run 0 down $config
out_has "nothing is running"

# If the supervisor is killed, its services end too. The next up waits for them: here for one that is held in its tracks,
# with the store and the socket still its own.
run 0 up $config --only retrieval --json
third=$(pid_of)
kill -STOP "$third"
kill -9 "$(cat "$work/run/rg.pid")"
"$RG_BIN/rg-ctl" up $config --only retrieval >"$work/next.out" 2>"$work/next.err" </dev/null &
up=$!
until find "/proc/$up/fd" -lname "*pidfd*" 2>/dev/null | grep -q .; do # it waits
    kill -0 $up 2>/dev/null || { kill -9 "$third"; fail "the next up does not wait: $(cat "$work/next.err")"; }
    sleep 0.1
done
kill -CONT "$third"
wait $up || fail "the next up does not work: $(cat "$work/next.err")"
grep -q '^retrieval  *ready' "$work/next.out" || fail "the next up starts no service"
run 0 down $config
