# kill.sh [N [INDEX]]: while clients add, remove, search and list, and the index is rebuilt, compacted and saved again and
# again, processes are killed (kill -9) N times (40), at random moments: the retrieval service, the encoder, the loader or
# one of the rg-ctl that use them. Afterwards everything that was acknowledged is true: no image is lost, none is there
# twice, none is back after it was removed. soak/kills.py describes it; several kills fit into a second. INDEX is
# retrieval.index (lists); searches visit all lists, because their answers are compared with exact ones.
. tests/support/flow.sh
need_python_clients
write_flow_config
sed -i "s/^retrieval: .*/retrieval: {map_size_gib: 1, index: ${2:-lists}, nprobe: 1024}/" "$work/config.yaml"
run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 make-faces "$work/extra" --count 24 --seed 2 --plain
run 0 up
for stage in 1 2; do run 0 train --stage $stage; done
run 0 make-faces "$work/many" --count 300 --seed 3 --plain # lists need 256 images
run 0 add-images "$work/many"
run 0 index rebuild
[ "${2:-lists}" = Flat ] || until_field retrieval indexed -ge 256
run 0 down

# The retrieval service ends twice while an encoder announces its model at its start. It gets its networks nevertheless.
run 0 up --only encoder
"$python" tests/flow/soak/quitter.py "$work/run/retrieval.ipc" 2 2>"$work/err" || fail "the false retrieval service"
"$RG_BIN/rg-retrieval" 2>"$work/err" &
retrieval=$!
while [ "$(field encoder model)" = none ]; do
    ! grep -q "no-model.*broke twice" "$work/run/logs/encoder.log" || fail "the encoder has given up"
done
kill $retrieval
wait $retrieval
run 0 down

"$python" tests/flow/soak/kills.py "$RG_BIN" "$work/config.yaml" "${1:-40}" "$work"/extra/*.jpg >"$work/out" 2>"$work/err" ||
    fail "kills"
cat "$work/out"
run 0 up --only retrieval
run 0 index verify
out_has '^ *problems +0$'
run 0 index rebuild
[ "${2:-lists}" = Flat ] || until_field retrieval indexed -ge 256
