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
run 0 status $config --json retrieval
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

# If the supervisor is killed, its services end too, and the next up works.
run 0 up $config --only retrieval --json
third=$(pid_of)
kill -9 "$(cat "$work/run/rg.pid")"
while readlink "/proc/$third/exe" >/dev/null; do :; done # a zombie has no exe: it has ended, too
run 0 up $config --only retrieval
run 0 down $config
