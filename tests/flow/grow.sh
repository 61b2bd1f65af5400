# The retrieval set grows while stage 3 trains, and the next retrievals of the trainer can return the new images.
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

# Images are removed by file, by folder and by id, and can be added again.
images=$(field retrieval images)
run 0 remove "$work/extra/000001.jpg"
out_has '^1 removed, 0 were not there \(index generation [0-9]+\)$'
run 0 remove "$work/extra"
out_has '^23 removed, 1 were not there'
[ "$(field retrieval images)" -eq $((images - 24)) ] || fail "24 images removed, but $(field retrieval images) of $images are there"
run 0 query --json --image "$work/extra/000002.jpg" -k 1
id=$(sed -E 's/.*"id":"([0-9a-f]{32})".*/\1/' "$work/out")
run 0 remove --json --id "$id" --id 00000000000000000000000000000000
out_has '^\{"removed":1,"absent":1,"newer":0,"generation":[0-9]+\}$'
run 1 remove "$work/nowhere.jpg"
err_has "nowhere.jpg: No such file"
run 0 add-images "$work/extra"
out_has '^24 added'
