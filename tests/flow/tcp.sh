# The same conversations over tcp on the loopback interface.
. tests/support/flow.sh
write_flow_config
write_tcp_endpoints
prepare_stage3
run 0 train --stage 3
run 0 query --image "$work/extra/000001.jpg" --attr Male=1 -k 3 --out "$work/query.png"
