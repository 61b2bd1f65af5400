# strangers.sh [COUNT] [MIB]: COUNT peers without a key at a time (default 100) that send nothing, half a handshake, or
# handshakes of MIB (default 3.9). The service hangs up on all of them, answers meanwhile, and its memory stays below a bound (not
# checked with sanitizers, which keep freed memory). The same without encryption, where a third as many peers leave frames unfinished.
. tests/support/flow.sh
count=${1:-100} mib=${2:-3.9}
command -v /usr/bin/python3 >/dev/null || { echo "SKIP: needs python3"; exit 77; }
write_flow_config
write_tcp_endpoints
limit=${mib%.*}
limit=$((limit + 1))
echo "limits: {message_max_mib: $limit}" >>"$work/config.yaml"
export RG_SET="security.keys=$work/keys"
address=$(sed -nE 's,^ *retrieval: tcp://(.*),\1,p' "$work/config.yaml")
peak_mib() { awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status"; }

start()
{
    run 0 up --only retrieval
    pid=$(field retrieval pid)
    before=$(peak_mib)
}

# attack KIND MOST: memory may grow by MOST MiB.
attack()
{
    timeout 250 /usr/bin/python3 tests/flow/strangers.py "$address" "$1" "$count" "$mib" >"$work/$1.out" 2>"$work/$1.err" &
    local attacker=$!
    while kill -0 $attacker 2>/dev/null; do run 0 status retrieval; done
    wait $attacker || fail "$1: the service does not hang up: $(tail -1 "$work/$1.err")"
    local grown=$(($(peak_mib) - before))
    echo "$1: $count connections sent $(($(cat "$work/$1.out") >> 10)) KiB; peak memory grew by $grown MiB"
    [ -n "${RG_SANITIZED:-}" ] || [ "$grown" -lt "$2" ] || fail "$1: memory grew by $grown MiB"
    [ "$(field retrieval pid)" -eq "$pid" ] || fail "$1: the service was restarted"
}

run 0 keys init
start
for kind in silent greeting hello initiate; do attack $kind 32; done
[ "$(field retrieval connections_refused)" -ge $((4 * count)) ] || fail "the status does not count who was refused"
run 0 down
export RG_SET=
count=$((count / 3)) # they come one after the other through the budget of bytes in receipt
start
attack frame $((32 + 5 * limit)) # four frames of the largest size at a time
