# For the flow tests: the whole system at the smallest scale that trains, and functions that wait for its status.
. tests/support/lib.sh
need $all_services

# write_flow_config [STAGE3_ITERATIONS]: everything in seconds; stage 3 as long as the test needs.
write_flow_config()
{
    cat >"$work/config.yaml" <<END
run: $work/run
threads: 1
data: {root: $work/faces, img_size: 32}
model: {gf: 4, n_res: 1, df: 4, d_layers: 3, mlp: 16, embed_dim: 16, k: 2}
classifier: {iterations: 6, batch: 8, checkpoint_every: 3, sample_every: 0}
stage1: {iterations: 6, batch: 4, lr: 1e-3, checkpoint_every: 3, sample_every: 0}
stage2: {iterations: 6, batch: 4, checkpoint_every: 3, sample_every: 0}
stage3: {iterations: ${1:-8}, batch: 4, lr: 1e-4, checkpoint_every: 4, sample_every: 0}
retrieval: {map_size_gib: 1}
evaluation: {images: 8}
END
    export RG_CONFIG=$work/config.yaml
}

# Gives each service of that configuration a free port of the loopback interface.
write_tcp_endpoints()
{
    local service port=$first_port
    echo "endpoints:" >>"$work/config.yaml"
    for service in $all_services; do
        until port_is_closed $port; do port=$((port + 1)); done
        echo "  $service: tcp://127.0.0.1:$port" >>"$work/config.yaml"
        port=$((port + 1))
    done
}
port_is_closed() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Prints the value of a status field of a service, or its pid; nothing if the service does not answer three times.
field()
{
    local value
    for _ in 1 2 3; do
        value=$("$RG_BIN/rg-ctl" status --json "$1" 2>/dev/null | sed -nE "s/.*\"$2\":\"?([^\",}]*).*/\1/p")
        [ -z "$value" ] || break
    done
    echo "$value"
}

# until_field SERVICE KEY TEST VALUE: waits until [ field TEST VALUE ] holds. The timeout of the test ends the wait.
until_field()
{
    local value
    while :; do
        value=$(field "$1" "$2")
        [ -n "$value" ] && test "$value" "$3" "$4" && return
    done
}

# For the clients in Python (flow/soak/). python is where Debian's modules are.
python=/usr/bin/python3
need_python_clients()
{
    local module
    for module in zmq xxhash google.protobuf; do
        "$python" -c "import $module" 2>/dev/null || { echo "SKIP: the Python module $module is missing"; exit 77; }
    done
    command -v protoc >/dev/null || { echo "SKIP: needs protobuf-compiler"; exit 77; }
}

# Starts stage 3 in the background and waits until it iterates.
start_stage3()
{
    "$RG_BIN/rg-ctl" train --stage 3 >"$work/stage3.out" 2>"$work/stage3.err" </dev/null &
    until_field trainer stage = stage3
    until_field trainer iteration -ge 1
}

# Trains the stages before stage 3; then the retrieval set has the training images.
prepare_stage3()
{
    run 0 make-faces "$work/faces" --count 40 --seed 1
    run 0 make-faces "$work/extra" --count 24 --seed 2 --plain
    run 0 up
    for stage in classifier 1 2; do run 0 train --stage $stage; done
    [ "$(field retrieval images)" -eq 32 ] || fail "the retrieval set holds $(field retrieval images) of 32 training images"
}
