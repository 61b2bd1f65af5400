# Every stage, evaluation, query and translation, with real processes over ipc.
. tests/support/flow.sh
write_flow_config
prepare_stage3
run 0 train --stage 3
for stage in classifier 1 2 3; do run 0 evaluate --stage $stage; done
run 0 query --image "$work/extra/000001.jpg" --attr Blond_Hair=1,Young=0 -k 5 --out "$work/query.png"
out_has '^ *5 '
run 0 translate --image "$work/extra/000001.jpg" --out "$work/translate.png"
for picture in query translate; do
    [ "$(head -c 4 "$work/$picture.png" | tail -c 3)" = PNG ] || fail "$picture.png is not a PNG"
done
# A finished stage is answered at once and changes nothing.
before=$(cksum <"$work/run/stage3.safetensors")
run 0 train --stage 3
[ "$before" = "$(cksum <"$work/run/stage3.safetensors")" ] || fail "a finished stage was trained again"
