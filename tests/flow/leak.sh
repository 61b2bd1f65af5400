# A client leaks 1,500 connections, over a unix socket and over tcp, to a service that may open 900 files: the service refuses
# what is too much, says so in its log, and answers others when the leaking client is gone.
. tests/support/flow.sh
command -v /usr/bin/python3 >/dev/null || { echo "SKIP: needs python3"; exit 77; }
cat >"$work/leak.py" <<'END_PYTHON'
import resource, socket, struct, sys
files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
unix, ready = sys.argv[1].startswith("/"), b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
hello = b"\xff" + 8 * b"\0" + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + 32 * b"\0" + b"\x04" + bytes([len(ready)]) + ready
peers = []
for _ in range(1500):
    peer = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    peer.connect(sys.argv[1] if unix else ("127.0.0.1", int(sys.argv[1])))
    peers.append(peer)
    try:
        peer.send(hello)
    except OSError:
        pass
print("leaked", flush=True)
sys.stdin.read()
END_PYTHON

# leak ADDRESS: the client ends when the descriptor that it reads from is closed.
leak()
{
    (ulimit -n 900 && run 0 up --only retrieval) || exit 1
    local pid leaked
    pid=$(field retrieval pid)
    coproc /usr/bin/python3 "$work/leak.py" "$1"
    read -r leaked <&"${COPROC[0]}" || fail "the client cannot connect"
    until grep -q "connection-refused" "$work/run/logs/retrieval.log"; do kill -0 "$pid" || fail "the service is dead"; done
    eval "exec ${COPROC[1]}>&-"
    until [ "$(field retrieval pid)" ]; do :; done
    [ "$(field retrieval pid)" -eq "$pid" ] || fail "the service died of $leaked connections"
    run 0 down
}

write_flow_config
leak "$work/run/retrieval.ipc"
write_tcp_endpoints
leak "$(sed -nE 's,^ *retrieval: tcp://.*:(.*),\1,p' "$work/config.yaml")"
