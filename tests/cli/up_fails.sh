# If a service cannot start, up fails with the sentence of that service, and nothing keeps running.
. tests/support/lib.sh
need retrieval
write_config
config="--config $work/config.yaml"

# The port is in use by the same service of another run directory. The port is random; if it is taken, another
# one is tried.
for attempt in 1 2 3 4 5; do
    endpoint=tcp://127.0.0.1:$((20000 + RANDOM))
    "$RG_BIN/rg-ctl" up $config --set run="$work/other" --set endpoints.retrieval=$endpoint --only retrieval \
        >/dev/null 2>&1 && break
done
run 1 up $config --set endpoints.retrieval=$endpoint --only retrieval
err_has "the retrieval failed: .*$endpoint"
err_is_one_line
[ ! -e "$work/run/rg.pid" ] || fail "rg.pid is left"
run 0 down $config
out_has "nothing is running"
run 0 status $config --set endpoints.retrieval=$endpoint retrieval
run 0 down $config --set run="$work/other"

# A run directory that cannot be made.
touch "$work/file"
run 1 up $config --set run="$work/file/run" --only retrieval
err_has "$work/file"
err_is_one_line
