# A folder that keeps growing is watched; two clients at once; an interrupt is the regular end.
. tests/support/flow.sh
write_flow_config
prepare_stage3
mkdir "$work/camera"

# add NAME OPTION...: in the background; ends by itself or is interrupted.
"$RG_BIN/rg-ctl" add-images --watch --json "$work/camera" >"$work/watch.out" 2>"$work/watch.err" &
watcher=$!
cp "$work"/extra/00000[1-8].jpg "$work/camera"
until_field retrieval images -eq 40

# A file that is still being written is refused, and taken when it is whole.
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
[ $? -eq 1 ] || fail "a refused file is told by the exit code"
grep -q '^{"added":9,"duplicate":1,"refused":1,' "$work/watch.out" || fail "no summary: $(tail -1 "$work/watch.out")"
