# What up, status and down say of services that load, fail, die and take long to stop. Services are real where that is possible;
# the others are scripts that speak to the supervisor as services do.
. tests/support/lib.sh
need retrieval loader encoder
command -v python3 >/dev/null || { echo "SKIP: python3 is not installed"; exit 77; }
write_config
config="--config $work/config.yaml"

# A data set without images: the loader runs, says what is wrong, and is ready once there are images.
mkdir "$work/faces"
run 1 up $config --only loader
err_has "the loader failed: $work/faces: no images here"
err_is_one_line
run 0 status $config loader
out_has "^loader +failed .*$work/faces:"
fits_terminal
run 1 status $config --ready loader
err_has "the loader is not ready: failed, "
run 0 make-faces "$work/faces" --count 10 --seed 1
until "$RG_BIN/rg-ctl" status $config --ready loader >/dev/null 2>&1; do :; done
run 0 status $config loader
out_has "^loader +ready .* 10 images, "
fits_terminal

# On a terminal --watch draws the table again from the upper left corner.
python3 - "$RG_BIN/rg-ctl" status $config --watch loader <<'END' || fail "--watch does not refresh the table"
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b""
while shown.count(b"\033[H\033[J") < 2 or shown.count(b"10 images") < 2:
    shown += os.read(terminal, 4096)
os.kill(pid, signal.SIGINT)
sys.exit(os.waitpid(pid, 0)[1])
END
run 0 down $config

# A checkpoint and a store that are none.
mkdir -p "$work/run/store"
echo "not a checkpoint" >"$work/run/stage1.safetensors"
run 1 up $config --only encoder
err_has "the encoder failed: $work/run/stage1.safetensors: "
run 0 down $config
rm "$work/run/stage1.safetensors"
run 0 up $config --only encoder
run 0 down $config
head -c 20000 /dev/zero >"$work/run/store/data.mdb"
run 1 up $config --only retrieval
err_has "the retrieval failed: $work/run/store/data.mdb: it is not a retrieval store"
run 0 down $config
rm -r "$work/run/store"

# An index that would crash FAISS.
for index in IVF16,PQ0 HNSW0 Nonsense; do
    run 1 up $config --only retrieval --set "retrieval.index=$index"
    err_has "the retrieval failed: retrieval.index: '$index' is not an index that FAISS can build .*such strings work: Flat, auto"
    run 0 down $config
done

# A limit of addresses that is lower than the largest size of the store. A sanitizer would need more than any limit.
if (ulimit -v 2000000 && "$RG_BIN/rg-ctl" --help) >/dev/null 2>&1; then
    (ulimit -v 2000000 && run 1 up $config --only retrieval --set retrieval.map_size_gib=64) || exit 1
    err_has "cannot map 64 GiB of addresses for the retrieval store: lower retrieval.map_size_gib, or raise the limit"
    run 0 down $config
fi

# A port that does not exist.
run 1 up $config --only retrieval --set endpoints.retrieval=tcp://127.0.0.1:99999
err_has "endpoints.retrieval: tcp://127.0.0.1:99999: '99999' is not a port: use a number from 1 to 65535"

# A service that dies by a signal is reported at once, each time, and given up in the end.
mkdir "$work/bin"
cp "$RG_BIN/rg-ctl" "$work/bin"
RG_BIN=$work/bin
cat >"$work/bin/rg-loader" <<'END'
#!/bin/bash
echo "half of the work is done"
kill -SEGV $$
END
chmod +x "$work/bin/rg-loader"
run 1 up $config --only loader
[ "$(grep -c "the loader was killed by SIGSEGV; the last line of its log is: half of the work is done .* started again " "$work/err")" -eq 4 ] ||
    fail "not four restarts"
err_has "started again at once"
err_has "started again in 4 s"
err_has "the loader was killed by SIGSEGV.*it ended 5 times in a row before it was ready, and is not started again"
[ ! -e "$work/run/rg.pid" ] || fail "rg.pid is left"

# A service that needs long to stop: down waits, is interrupted, and does not say `stopped' before the process is gone.
cat >"$work/bin/rg-loader" <<'END'
#!/usr/bin/env python3
import os, signal, socket
open("/proc/self/comm", "w").write("rg-loader")
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def tell(state):
    sock.sendto(f"X_RG_STATE={state}\nSTATUS={state}\n".encode(), "\0" + os.environ["NOTIFY_SOCKET"][1:])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2])
tell("ready")
signal.sigwait([signal.SIGTERM])
tell("stopping")
signal.sigwait([signal.SIGUSR2])
END
chmod +x "$work/bin/rg-loader"
lives() { readlink "/proc/$1/exe" >/dev/null 2>&1; } # a zombie has no exe: it has ended, too
service_pid() { sed -nE 's/^loader ([0-9]+) .*/\1/p' "$work/run/rg.services"; }
until_stopping() { until grep -q '^loader [0-9]* stopping' "$work/run/rg.services"; do :; done; }

run 0 up $config --only loader
pid=$(service_pid)
"$RG_BIN/rg-ctl" down $config >"$work/out" 2>"$work/err" &
down=$!
until_stopping
kill -TERM $down
wait $down && fail "an interrupted down says success"
err_has "interrupted; still running, and going to stop: loader \(pid $pid\): stopping"
lives "$pid" || fail "the service is gone"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then # another user cannot stop it, and is told so
    chmod 755 "$work" "$work/run"
    chmod 666 "$work/run/rg.pid"
    setpriv --reuid=65534 --clear-groups "$RG_BIN/rg-ctl" down $config >"$work/out" 2>"$work/err" && fail "down says success"
    err_has "belongs to another user"
fi
"$RG_BIN/rg-ctl" down $config >"$work/out" 2>"$work/err" &
down=$!
kill -USR2 "$pid"
wait $down || fail "down failed"
out_has "stopped|nothing is running"
lives "$pid" && fail "down said stopped before the process was gone"

run 0 up $config --only loader
pid=$(service_pid)
run 0 down $config --force
out_has "killed"
lives "$pid" && fail "the service survived"

# Without a supervisor, down stops what it left behind.
run 0 up $config --only loader
pid=$(service_pid)
kill -9 "$(cat "$work/run/rg.pid")"
run 0 down $config --force
lives "$pid" && fail "the service survived"
exit 0
