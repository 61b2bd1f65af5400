# The same conversations over tcp on the loopback interface.
. tests/support/flow.sh
write_flow_config
base=$((20000 + $$ % 20000))
closed() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
{
    echo "endpoints:"
    for service in $all_services; do
        until closed $base; do base=$((base + 1)); done
        echo "  $service: tcp://127.0.0.1:$base"
        base=$((base + 1))
    done
} >>"$work/config.yaml"
prepare_stage3
run 0 train --stage 3
run 0 query --image "$work/extra/000001.jpg" --attr Male=1 -k 3 --out "$work/query.png"
