# The retrieval set grows while stage 3 trains, and the trainer's very next retrievals can return the new images.
. tests/support/flow.sh
write_flow_config 1000000
prepare_stage3
start_stage3
began=$(field retrieval generation)
run 0 add-images "$work/extra"
out_has '24 added'
until_field trainer retrieved_new -ge 1
[ "$(field trainer last_new_generation)" -gt "$began" ] || fail "no retrieved image is of a later generation than $began"
run 0 add-images "$work/extra"
out_has '24 known before'
[ "$(field retrieval images)" -eq 56 ] || fail "the retrieval set holds $(field retrieval images) of 56 images"
