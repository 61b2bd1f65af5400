# hostile.sh [N]: N connections (default 400) that send garbage, N that send half a message, and a client that asks and
# never reads. The retrieval service keeps answering, and its memory stays below a bound (not checked with sanitizers,
# which keep freed memory).
. tests/support/flow.sh
count=${1:-400}
command -v /usr/bin/python3 >/dev/null || { echo "SKIP: needs python3"; exit 77; }
write_flow_config
write_tcp_endpoints
echo "limits: {heartbeat_ms: 500, connections: 700, unread_mib: 16, timeout_ms: 120000}" >>"$work/config.yaml"
address=$(sed -nE 's,^ *retrieval: tcp://(.*),\1,p' "$work/config.yaml")
prepare_stage3
pid=$(field retrieval pid)
peak_mib() { awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status"; }

# attack KIND: the service must answer during the attack.
attack()
{
    /usr/bin/python3 tests/flow/hostile.py "$address" "$1" "$count" >"$work/$1.out" 2>"$work/$1.err" &
    local attacker=$!
    while kill -0 $attacker 2>/dev/null; do
        run 0 query --image "$work/extra/000001.jpg" -k 3
    done
    wait $attacker || fail "$1: $(tail -1 "$work/$1.err")"
    [ "$(cat "$work/$1.out")" -eq "$count" ] || fail "only $(cat "$work/$1.out") of $count connections were made"
}

before=$(peak_mib)
for kind in garbage half deaf; do attack $kind; done
[ "$(field retrieval pid)" -eq "$pid" ] || fail "the service was restarted"
run 0 stats retrieval --json
out_has '"list"' # the deaf were answered
grown=$(($(peak_mib) - before))
echo "$count connections each of garbage, half messages and without reading: peak memory grew by $grown MiB"
[ -n "${RG_SANITIZED:-}" ] || [ "$grown" -lt 160 ] || fail "the service grew by $grown MiB"
