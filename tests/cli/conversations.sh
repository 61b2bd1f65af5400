# Requests that commands send and answers that they show, with fake services (fake_service.c): ingest in batches, refusals,
# a failing store, training across a restart, grids.
. tests/support/lib.sh
[ -x "$RG_BIN/rg-fake" ] || { echo "SKIP: rg-fake is not built"; exit 77; }
mkdir "$work/bin"
cp "$RG_BIN/rg-ctl" "$work/bin"
for service in $all_services; do cp "$RG_BIN/rg-fake" "$work/bin/rg-$service"; done
RG_BIN=$work/bin
write_config
config="--config $work/config.yaml"
run 0 make-faces "$work/faces" --count 40 --seed 3
image=$(find "$work/faces" -name 000001.jpg)
run 0 up $config

# 100 files in seven requests: the loader refuses three, rg-ctl one, ten are duplicates.
mkdir -p "$work/in/sub"
for i in $(seq 86); do echo "$i" >"$work/in/sub/$i.jpg"; done
for i in $(seq 10); do echo DUP >"$work/in/dup$i.JPEG"; done
for i in $(seq 3); do echo BAD >"$work/in/bad$i.jpg"; done
: >"$work/in/empty.jpg"
run 1 add-images $config "$work/in"
out_has "^86 added, 10 known before, 4 refused \(index generation 7\)$"
out_has "^refused $work/in/bad2.jpg: not a JPEG$"
out_has "^refused $work/in/empty.jpg: empty file$"
err_has "add-images: 4 files were refused"
err_is_one_line
run 1 add-images $config --json "$work/in"
[ "$(grep -c '"fate":"added"' "$work/out")" -eq 86 ] || fail "not 86 lines of added files"
out_has '^\{"name":".*bad1.jpg","fate":"refused","reason":"not a JPEG"\}$'
out_has '^\{"added":86,"duplicate":10,"refused":4,"generation":[0-9]+,"left_out":\{\}\}$'
run 0 add-images $config "$work/in/sub"

# Large files: requests stay below 8 MiB; rg-ctl refuses files that are too large.
mkdir "$work/large"
for i in 1 2 3 4 5; do head -c 3000000 /dev/zero >"$work/large/$i.jpg"; done
head -c 2000000 /dev/zero >"$work/large/6.jpg"
run 0 add-images $config "$work/large"
run 1 add-images $config --set limits.image_max_mib=2 "$work/large"
out_has "^1 added, 0 known before, 5 refused"
out_has "larger than limits.image_max_mib 2: raise the key"

# The whole request fails: the sentence of the service is shown once.
echo FAIL >"$work/in/fail.jpg"
run 1 add-images $config --json "$work/in/fail.jpg"
err_has "loader: the store is full$"
err_is_one_line
rm "$work/in/fail.jpg"

# rg-ctl asks a busy loader again.
for i in $(seq 40); do echo "BUSY $i" >"$work/large/busy$i.jpg"; done
run 0 add-images $config "$work"/large/busy*.jpg
out_has "^40 added, 0 known before, 0 refused"

# It also asks an encoder again that still has another checkpoint.
run 0 reindex $config --checkpoint busy
out_has "^encoder: serves stage3, iteration 7, 0 stored images embedded anew$"

# All stages. The first trainer never answers for stage 2: the test kills it while rg-ctl waits.
run 0 status $config trainer
out_has "^service +state +version +pid +up"
out_has "^trainer +idle +[0-9]+\.[0-9]+\.[0-9]+ +[0-9]+ "
run 0 status $config --json trainer
out_has '"version":"[0-9]+\.[0-9]+\.[0-9]+","pid":[0-9]+'
: >"$work/trained"
"$RG_BIN/rg-ctl" train $config --json >>"$work/trained" 2>"$work/err" &
train=$!
grep -qm1 '"step":"evaluate","stage":"stage1"' < <(tail -n +1 -f --pid=$train "$work/trained") || fail "train ended early"
kill -9 "$(sed -E 's/.*"pid":([0-9]+).*/\1/' "$work/out")"
wait $train || fail "train did not get over the restart"
cut -c1-40 "$work/trained" | grep -v fate >"$work/steps"
[ "$(grep -c '"step":"train"' "$work/trained")" -eq 4 ] || fail "not four stages: $(cat "$work/steps")"
[ "$(grep -c '"step":"evaluate"' "$work/trained")" -eq 4 ] || fail "not four evaluations: $(cat "$work/steps")"
grep -q '"added":32,' "$work/trained" || fail "the 32 training images were not added"
run 0 train $config --stage 3 --restart
out_has "^stage3: 7 iterations, $work/run/stage3.safetensors$"
out_has "^  restarted   true$"
out_has "^  loss.recon  0.25$"
run 0 evaluate $config --stage 2
out_has "^  of       stage2$"

run 0 query $config --image "$image" --attr Blond_Hair=1 -k 12 --out "$work/grid.png"
out_has "^ +1 +0.0000 +3 +no  neighbour0.jpg$"
out_has "^11 images in the retrieval set"
[ "$(head -c 4 "$work/grid.png" | tail -c 3)" = PNG ] || fail "the grid is no PNG"
run 0 query $config --image "$image" --attr Blond_Hair=1 --json
out_has '"name":"neighbour8.jpg","id":"08000000000000000000000000000000"'
run 1 query $config --image "$image"
err_has "encoder: 0 edits"

run 0 translate $config --image "$image" --image "$image" --samples 2 --out "$work/all.png"
out_has "^28 images translated by the weights of stage1"
run 0 translate $config --image "$image" --attr Male=1 --reference "$image" --out "$work/one.png" --json
out_has '"generation":6,"samples":1,"columns":\["wanted"\]'
run 0 translate $config --image "$image" --attr Male=1 --guidance none --out "$work/one.png" --json
out_has '"generation":0,'
run 1 translate $config --image "$image" --out "$work/none/grid.png"
err_has "$work/none/grid.png"
run 0 down $config

# One of several services answers: the silent ones do not hide it.
run 0 up $config --only evaluator
run 1 status $config
out_has "^evaluator +idle"
err_has "no answer from retrieval, encoder, loader, trainer \\(run"
run 0 down $config
