# soak.sh [MINUTES]: all services over encrypted tcp, 50 good clients, attackers of every kind, and services killed at
# random (kill -9). No acknowledged addition or removal is lost, no answer is wrong, no attack ends a service or keeps its
# memory. A table shows what each attack cost. soak/soak.py describes the phases. By default a third of a minute.
. tests/support/flow.sh
need gateway
minutes=${1:-0.3}
need_python_clients
write_flow_config
write_tcp_endpoints
port=$((first_port + 6))
until port_is_closed $port; do port=$((port + 1)); done
cat >>"$work/config.yaml" <<END_CONFIG
security: {keys: $work/keys}
http: {gateway: $port}
END_CONFIG
run 0 keys init
for role in reader writer admin; do
    for who in good evil; do run 0 keys add $who-$role --role $role; done
done
prepare_stage3
run 0 train --stage 3
"$python" tests/flow/soak/soak.py "$work/run" "$work/config.yaml" "$work/keys" "$port" "$minutes" "$work"/extra/*.jpg \
    >"$work/out" 2>"$work/err" || fail "the soak of $minutes minutes"
cat "$work/out"
run 0 index verify
out_has '^ *problems +0$'
