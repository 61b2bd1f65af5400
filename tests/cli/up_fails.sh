# A service that cannot start makes up fail with the service's own sentence, and nothing stays behind.
. tests/support/lib.sh
need retrieval
write_config
config="--config $work/config.yaml"

# A port in use: taken by the same service of another run directory. The port is drawn; a taken one is drawn again.
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
