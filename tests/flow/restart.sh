# Each service is killed once (kill -9) while stage 3 trains. The others wait until it is started again, training continues,
# and no image that was added is lost.
. tests/support/flow.sh
write_flow_config 1000000
prepare_stage3
start_stage3
run 0 add-images "$work/extra"
for service in loader encoder retrieval evaluator trainer; do
    pid=$(field $service pid)
    kill -9 "$pid"
    until_field $service pid -ne "$pid"
    at=$(field trainer iteration)
    until_field trainer iteration -gt "${at:-0}"
done
[ "$(field retrieval images)" -eq 56 ] || fail "the retrieval set holds $(field retrieval images) of 56 images"
run 0 add-images "$work/extra"
out_has '24 known before'
