# Two encoders: one gets the load request, the other follows, and embeds again what it embedded with the previous model.
. tests/support/flow.sh
write_flow_config
run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 make-faces "$work/extra" --count 24 --seed 2 --plain
run 0 up
for stage in 1 2; do run 0 train --stage $stage; done
cp "$work/run/stage2.safetensors" "$work/six.safetensors"
run 0 down
sed -i 's/^stage2: {iterations: 6/stage2: {iterations: 9/' "$work/config.yaml"
run 0 up
run 0 train --stage 2

# A second encoder and loader run beside the services of rg-ctl up, which do not know them.
second="endpoints.encoder=ipc://$work/second.ipc endpoints.loader=ipc://$work/second-loader.ipc"
pids=
for service in encoder loader; do
    RG_SET=$second "$RG_BIN/rg-$service" 2>>"$work/second.log" &
    pids="$pids $!"
done
trap 'kill -CONT $pids 2>/dev/null; kill $pids 2>/dev/null; cleanup' EXIT
encoder=${pids% *}
nine=$(field retrieval model)
RG_SET=$second until_field encoder model = "$nine"

run 0 reindex --checkpoint "$work/six.safetensors"
out_has 'serves stage2, iteration 6, 32 stored images embedded anew'
six=$(field retrieval model)
[ "$six" != "$nine" ] || fail "both checkpoints have the model $six"
RG_SET=$second until_field encoder model = "$six"

# The second encoder is stopped while the set switches, with images for the old model in flight.
embedded=$(RG_SET=$second field encoder embedded)
kill -STOP $encoder
RG_SET=$second "$RG_BIN/rg-ctl" add-images "$work/extra" >"$work/added" 2>"$work/added.err" &
adding=$!
RG_SET=$second until_field loader waiting -ge 1
run 0 reindex
[ "$(field retrieval model)" = "$nine" ] || fail "the set has not switched back to $nine"
retrieval=$(field retrieval pid)
kill -STOP "$retrieval" # so that the images come before the news
kill -CONT $encoder
RG_SET=$second until_field encoder embedded -gt "$embedded"
kill -CONT "$retrieval"
wait $adding || fail "not all images were added: $(tail -n 1 "$work/added.err")"
grep -q '^24 added' "$work/added" || fail "not all images were added: $(cat "$work/added")"
[ "$(field retrieval images)" -eq 56 ] || fail "the set holds $(field retrieval images) of 56 images"
[ "$(RG_SET=$second field encoder model)" = "$nine" ] || fail "the second encoder has not followed"
run 0 index verify
out_has '^ *problems +0$'

# An addition is held by a suspended encoder; meanwhile another encoder adds the images, and a user removes them. What
# comes late does not bring them back.
run 0 make-faces "$work/late" --count 8 --seed 4 --plain
kill -STOP $encoder
RG_SET=$second "$RG_BIN/rg-ctl" add-images "$work/late" >"$work/late.out" 2>"$work/late.err" &
late=$!
RG_SET=$second until_field loader waiting -ge 1
run 0 add-images "$work/late"
out_has '^8 added'
run 0 remove "$work/late"
kill -CONT $encoder
wait $late && fail "a late addition was not refused"
[ "$(grep -c 'it was removed after the request was made' "$work/late.out")" -eq 8 ] || fail "not refused: $(cat "$work/late.out")"
[ "$(field retrieval images)" -eq 56 ] || fail "removed images are back: there are $(field retrieval images) of 56"
run 0 add-images "$work/late"
out_has '^8 added'
run 0 index verify
out_has '^ *problems +0$'

# The client of such an addition is killed, and the images are removed before they have arrived.
run 0 make-faces "$work/killed" --count 8 --seed 5 --plain
kill -STOP $encoder
RG_SET=$second "$RG_BIN/rg-ctl" add-images "$work/killed" >"$work/killed.out" 2>&1 &
late=$!
RG_SET=$second until_field loader waiting -ge 1
kill -KILL $late
wait $late || :
run 0 remove "$work/killed"
out_has '^0 removed, 8 were not there'
embedded=$(RG_SET=$second field encoder embedded)
kill -CONT $encoder
RG_SET=$second until_field encoder embedded -ge "$((embedded + 8))"
RG_SET=$second until_field loader waiting -eq 0
[ "$(field retrieval images)" -eq 64 ] || fail "a late addition has undone a removal: there are $(field retrieval images) of 64 images"

# The same embedding model, another generator.
run 0 train --stage 3
RG_SET=$second until_field encoder stage = stage3
run 0 translate --image "$work/extra/000001.jpg" --attr Male=1 --out "$work/first.png"
RG_SET=$second run 0 translate --image "$work/extra/000001.jpg" --attr Male=1 --out "$work/second.png"
cmp -s "$work/first.png" "$work/second.png" || fail "the two encoders translate differently"
