# The meters of services: rg-ctl stats, /metrics and /healthz give the same numbers, with fake services (fake_service.c).
. tests/support/lib.sh
[ -x "$RG_BIN/rg-fake" ] || { echo "SKIP: rg-fake is not built"; exit 77; }
mkdir "$work/bin"
cp "$RG_BIN/rg-ctl" "$work/bin"
for service in $all_services; do cp "$RG_BIN/rg-fake" "$work/bin/rg-$service"; done
RG_BIN=$work/bin
write_config
mkdir "$work/faces"
config="--config $work/config.yaml"

# get PATH: prints the answer of the loader over HTTP.
get()
{
    exec 3<>"/dev/tcp/127.0.0.1/$port" || fail "nothing listens on port $port"
    printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
    tr -d '\r' <&3 >"$work/out"
    exec 3>&-
}

# The port is random; if it is taken, another one is tried.
for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM))
    "$RG_BIN/rg-ctl" up $config --set http.loader=$port --only loader,evaluator >/dev/null 2>&1 && break
done

# Five requests; one of them fails.
mkdir "$work/in"
for i in 1 2 3 4; do echo "$i" >"$work/in/1.jpg"; run 0 add-images $config "$work/in"; done
echo FAIL >"$work/in/1.jpg"
run 1 add-images $config "$work/in"

run 0 stats $config loader
out_has "^loader, up [0-9dhms]+$"
out_has "^  request +count +errors +per s +p50 ms +p99 ms$"
out_has "^  ingest +5 +1 +[0-9.e+-]+ +[0-9.e-]+ +[0-9.e-]+$"
out_has "^  stats +1 +0 "
out_has "^  rg_open_requests +1$"
out_has "^  rg_loader_iteration +3$"
out_has "^  rg_loader_loss_recon +0.25$"
run 0 stats $config loader,evaluator --json
out_has '"service":"loader","answers":true,"uptime_s":[0-9.]+,"requests":\{"ingest":\{"count":5,"errors":1,"per_s":'
out_has '"values":\{"rg_open_requests":1,'
out_has '"service":"evaluator","answers":true,'
run 1 stats $config
out_has "^trainer, no answer$"
err_has "no answer from retrieval, encoder, trainer \\(run"
err_is_one_line

get /healthz
out_has "^HTTP/1.[01] 200 OK$"
out_has "^ok$"
get /metrics
out_has '^rg_requests_total\{request="ingest"\} 5$'
out_has '^rg_request_errors_total\{request="ingest"\} 1$'
out_has '^rg_request_seconds_count\{request="ingest"\} 5$'
out_has "^rg_loader_loss_recon 0.25$"
get /nothing
out_has "^HTTP/1.[01] 404 "

# Two services cannot share a port: the second one names the key to change.
run 1 up $config --set run="$work/other" --set http.encoder=$port --only encoder
err_has "http.encoder: cannot listen on 127.0.0.1 port $port: Address already in use"
err_is_one_line
run 0 down $config
