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

# 100 files in two requests: the loader refuses three, rg-ctl one, ten are duplicates.
mkdir -p "$work/in/sub"
for i in $(seq 86); do echo "$i" >"$work/in/sub/$i.jpg"; done
for i in $(seq 10); do echo DUP >"$work/in/dup$i.JPEG"; done
for i in $(seq 3); do echo BAD >"$work/in/bad$i.jpg"; done
: >"$work/in/empty.jpg"
run 1 add-images $config "$work/in"
out_has "^86 added, 10 known before, 4 refused \(index generation 2\)$"
out_has "^refused $work/in/bad2.jpg: not a JPEG$"
out_has "^refused $work/in/empty.jpg: empty file$"
err_has "add-images: 4 files were refused"
err_is_one_line
run 1 add-images $config --json "$work/in"
[ "$(grep -c '"fate":"added"' "$work/out")" -eq 86 ] || fail "not 86 lines of added files"
out_has '^\{"name":".*bad1.jpg","fate":"refused","reason":"not a JPEG"\}$'
out_has '^\{"added":86,"duplicate":10,"refused":4,"with_warnings":0,"generation":[0-9]+,"left_out":\{\},"added_before":0\}$'
run 0 add-images $config "$work/in/sub"

# Large files: requests stay below 8 MiB; rg-ctl refuses files that are too large.
mkdir "$work/large"
for i in 1 2 3 4 5; do head -c 3000000 /dev/zero >"$work/large/$i.jpg"; done
head -c 2000000 /dev/zero >"$work/large/6.jpg"
run 0 add-images $config "$work/large"
run 1 add-images $config --set limits.image_max_mib=2 "$work/large"
out_has "^1 added, 0 known before, 5 refused"
out_has "larger than limits.image_max_mib 2: raise the key"
run 1 add-images $config --set limits.message_max_mib=2 "$work/large"
out_has "^1 added, 0 known before, 5 refused"
out_has "3000000 bytes exceed limits.message_max_mib 2: raise the key"

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

# One of 40 files ends the loader. The others are added.
echo CRASH >"$work/large/busy7.jpg"
run 1 add-images $config "$work"/large/busy*.jpg
out_has "^39 added, 0 known before, 1 refused"
out_has "^refused $work/large/busy7.jpg: loader .*: the connection broke twice while this request was open"
err_has "add-images: 1 files were refused"

# It also asks an encoder again that still has another checkpoint.
run 0 reindex $config --checkpoint busy
out_has "^encoder: serves stage3, iteration 7, 0 stored images embedded anew$"

# All stages. The first trainer never answers for stage 2: the test kills it while rg-ctl waits.
run 0 status $config trainer
out_has "^service +state +up"
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
mkdir -p "$work/run/samples"
touch "$work/run/samples/stage3-0000004.png" "$work/run/samples/stage3-0000009.png" "$work/run/samples/stage1-0000010.png"
run 0 train $config --stage 3 --restart
out_has "^stage3: 7 iterations, $work/run/stage3.safetensors$"
out_has "^  restarted   true$"
out_has "^  loss.recon  0.25$"
out_has "^stage3: retrieved images guide the translations now, and the encoder serves that$"
out_has "^  grid     $work/run/samples/stage3-0000009.png$"
out_has "^  measure  rg-ctl evaluate $config --stage 3$"
out_has "^  next     rg-ctl translate $config --image"
run 0 evaluate $config --stage 2
[ "$(sed -n 2p "$work/out")" = "  stage2 at iteration 7 of 9, weights w1, seed 1" ] || fail "the first line of the protocol is missing"
[ "$(sed -n 3p "$work/out")" = "  19962 images of the test split, 128 px, k 10, 100 sources with 10 outputs each" ] || fail "no second line"
out_has "^of all images +latent +reference +bound\* +latent$"
out_has "^  frechet +-1\.234e-05 +21\.5 +5\.25 +-$"
out_has "^  wanted_accuracy +0\.75 +- +0\.875 +0\.125$"
out_has "^  Male +1\.235e\+05 +0\.5 +0\.25 +-$"
out_has "^  p10\.trained +0\.9 +0\.3$"
out_has "^  reconstruction_l1_255 +10\.5$"
fits_terminal
run 0 evaluate $config --stage 2 --json
out_has '"stage":"stage2","report":\{.*"frechet_floor.A_name_longer_than_the_column":1.23457e6,.*"reconstruction_l1_255":10.5'

run 0 query $config --image "$image" --attr Blond_Hair=1 -k 12 --out "$work/grid.png"
out_has "^ +1 +0.0000 +3 +no  neighbour0.jpg$"
out_has "^11 images in the retrieval set"
[ "$(head -c 4 "$work/grid.png" | tail -c 3)" = PNG ] || fail "the grid is no PNG"
out_has "^11 of 12 images found: the retrieval set has no more images than these and the image itself$"
run 0 query $config --image "$image" --attr Blond_Hair=1 --json
out_has '"message":"9 of 10 images found: the retrieval set has no more'
# Nothing that a name holds reaches the terminal as a control character.
run 0 query $config --image "$image" --attr Blond_Hair=1 --name-prefix "$(printf 'a\033[2Jb\nc\342\200\256')" -k 3
out_has "^ +1 .* a%1B\[2Jb%0Ac%E2%80%AEneighbour0.jpg$"
out_has "^2 of 3 images found: no more images meet the conditions$"
run 0 status $config trainer
out_has "^trainer +idle .* [a-z0-9]+, iteration 3 of 7,"
out_has " error: %1B\[31m%E9$"
run 0 status $config
fits_terminal
for time in 2026-11-25 2026-11-25T08:30 2026-11-25T08:30:15.123Z 2026-11-25T10:30:15+02:00 "2026-11-25 08:30:15" 2h 1795595415123; do
    run 0 query $config --image "$image" --attr Blond_Hair=1 --added-after "$time" --added-before 2099-01-01
done
# An empty set is an error that says what to do, not an empty table.
run 1 query $config --image "$image" --attr Blond_Hair=1 --name-prefix EMPTY
err_has "query: the retrieval set is empty: rg-ctl add-images DIR fills it$"
[ ! -s "$work/out" ] || fail "a table of nothing was printed"
run 1 query $config --image "$image" --attr Blond_Hair=1 --name-prefix EMPTY --json
err_is_one_line
run 0 query $config --image "$image" --attr Blond_Hair=1 --json
out_has '"name":"neighbour8.jpg","id":"08000000000000000000000000000000"'
run 1 query $config --image "$image"
err_has "encoder: 0 edits"

run 0 translate $config --image "$image" --image "$image" --samples 2 --out "$work/all.png"
out_has "^28 translations by the weights of stage1, picture: "
run 0 translate $config --image "$image" --attr Male=1 --reference "$image" --out "$work/one.png" --json
out_has '"generation":6,"samples":1,"columns":\["Male\+"\]'
run 0 translate $config --image "$image" --attr Male=1 --guidance none --out "$work/one.png" --json
out_has '"generation":0,'
run 1 translate $config --image "$image" --out "$work/none/grid.png"
err_has "$work/none/grid.png"

# One file per translation: any number of images, resumed where it stopped, one broken image left out.
files() { find "$work/edited" -name '*.png' | wc -l; }
mkdir -p "$work/many/sub"
for i in $(seq 100); do cp "$image" "$work/many/$i.jpg"; done
cp "$image" "$work/many/sub/1.jpeg"
cp "$image" "$work/many/7.jpeg"
echo nonsense >"$work/many/broken.jpg"
run 1 translate $config --image "$work/many" --attr Male=1,Young=0 --samples 2 --out "$work/edited"
out_has "^refused $work/many/broken.jpg: "
out_has "^refused $work/many/7.jpg: its files would have the names of those of $work/many/7.jpeg: translate it into another folder$"
out_has "^202 translations by the weights of stage1 written to $work/edited, 0 kept, 2 images refused$"
err_has "translate: 2 images were refused$"
[ "$(grep -cv '^translate  ' "$work/err")" -eq 1 ] || fail "standard error is not one sentence" # and progress, if it takes long
[ "$(files)" -eq 202 ] || fail "$(files) files, not 202"
for name in 100-Male+,Young--1 100-Male+,Young--2 7-Male+,Young--1 sub/1-Male+,Young--2; do
    [ "$(head -c 4 "$work/edited/$name.png" | tail -c 3)" = PNG ] || fail "$name.png is missing"
done
rm "$work/many/broken.jpg" "$work/many/7.jpeg" "$work/edited/5-Male+,Young--2.png"
echo kept >"$work/edited/6-Male+,Young--1.png"
run 0 translate $config --image "$work/many" --attr Male=1,Young=0 --samples 2 --out "$work/edited"
out_has "^1 translation by .* written to $work/edited, 201 kept as they were \(--force writes them anew\), 0 images refused$"
[ "$(cat "$work/edited/6-Male+,Young--1.png")" = kept ] || fail "a file that exists was written anew"
run 0 translate $config --image "$work/many" --attr Male=1,Young=0 --samples 2 --out "$work/edited/" --force --json
out_has '^\{"image":"[^"]*/6.jpg","wanted":"Male\+,Young-","draw":1,"out":"[^"]*/edited/6-Male\+,Young--1.png"\}$'
out_has '^\{"written":202,"kept":0,"refused":0,'
# Each domain of one image; several folders keep their names; a reference gives its name.
run 0 translate $config --image "$image" --out "$work/one/"
[ "$(find "$work/one" -name '000001-*.png' | wc -l)" -eq 7 ] || fail "not seven domains"
[ -e "$work/one/000001-Blond_Hair.png" ] && [ -e "$work/one/000001-Young-.png" ] || fail "files have other names"
cp -r "$work/many/sub" "$work/other"
run 0 translate $config --image "$work/many/sub/" --image "$work/other" --image "$image" --reference "$image" --out "$work/two/"
[ -e "$work/two/sub/1-like-000001.png" ] && [ -e "$work/two/other/1-like-000001.png" ] && [ -e "$work/two/000001-like-000001.png" ] || fail "no file like its reference"
run 2 translate $config --image "$work/many" --out "$work/grid.png"
err_has "many is a folder, so --out must name one, too"
run 2 translate $config --image "$work/many" --out "$work/many/edited/"
err_has "lies in --image"
run 2 translate $config --image "$image" --out "$work/grid.png" --force
mkdir -p "$work/empty"
run 1 translate $config --image "$work/empty" --out "$work/edited/"
err_has "$work/empty: no images there"
run 0 down $config

# One of several services answers: the silent ones do not hide it.
run 0 up $config --only evaluator
run 1 status $config
out_has "^evaluator +idle"
err_has "no answer from retrieval, encoder, loader, trainer \\(run"
run 0 down $config
