# rg-ctl add-images --watch adds the files that appear in a folder, also while another client adds; an interrupt ends it.
. tests/support/flow.sh
write_flow_config
prepare_stage3
mkdir "$work/camera"

"$RG_BIN/rg-ctl" add-images --watch --json "$work/camera" >"$work/watch.out" 2>"$work/watch.err" &
watcher=$!
cp "$work"/extra/00000[1-8].jpg "$work/camera"
until_field retrieval images -eq 40

# A file that is still being written is refused, and added when it is complete.
head -c 500 "$work/extra/000009.jpg" >"$work/camera/late.jpg"
until grep -q '"fate":"refused"' "$work/watch.out"; do :; done
cp "$work/extra/000009.jpg" "$work/camera/late.jpg"
until_field retrieval images -eq 41

run 0 add-images "$work/extra"
out_has '^15 added, 9 known before, 0 refused'
mkdir "$work/camera/more"
cp "$work/extra/000010.jpg" "$work/camera/more"
until grep -q '"fate":"duplicate"' "$work/watch.out"; do :; done
kill -INT "$watcher"
wait "$watcher"
[ $? -eq 1 ] || fail "the exit code does not report the refused file"
grep -q '^{"added":9,"duplicate":1,"refused":1,' "$work/watch.out" || fail "no summary: $(tail -1 "$work/watch.out")"
