# Every stage, evaluation, query and translation, with real processes over ipc.
. tests/support/flow.sh
write_flow_config
prepare_stage3
run 0 train --stage 3
for stage in classifier 1 2 3; do
    run 0 evaluate --stage $stage
    fits_terminal
done
out_has "^  stage3 at iteration 8 of 8, weights [0-9a-f]+, seed 1$"
out_has "^  frechet +[0-9.]+ +[0-9.]+ +[0-9.]+"
out_has "^  not_Male +[0-9]+ "
run 0 query --image "$work/extra/000001.jpg" --attr Blond_Hair=1,Young=0 -k 5 --out "$work/query.png"
out_has '^ *5 '
# --show gives chafa a picture, which is gone afterwards.
mkdir "$work/path" "$work/temporary"
printf '#!/bin/sh\nfor file; do :; done\nhead -c 4 "$file" | tail -c 3\n' >"$work/path/chafa"
chmod +x "$work/path/chafa"
PATH="$work/path:$PATH" TMPDIR="$work/temporary" run 0 query --image "$work/extra/000001.jpg" -k 2 --show
out_has '^PNG$'
rmdir "$work/temporary"
PATH="$work/path" run 2 query --image "$work/extra/000001.jpg" --show --json
rm "$work/path/chafa"
PATH="$work/path" run 1 query --image "$work/extra/000001.jpg" -k 2 --show
err_has "install the package chafa"
run 0 translate --image "$work/extra/000001.jpg" --out "$work/translate.png"
for picture in query translate; do
    [ "$(head -c 4 "$work/$picture.png" | tail -c 3)" = PNG ] || fail "$picture.png is not a PNG"
done
# More images than one request holds: a file for each, and nothing is done twice.
run 0 translate --image "$work/faces" --attr Blond_Hair=1 --out "$work/blond"
out_has "^40 translations by the weights of stage3 written to $work/blond, 0 kept, 0 images refused$"
[ "$(find "$work/blond" -name '*-Blond_Hair.png' | wc -l)" -eq 40 ] || fail "not a file for each image"
run 0 translate --image "$work/faces" --attr Blond_Hair=1 --out "$work/blond"
out_has "^0 translations written to $work/blond, 40 kept as they were"
# Training a finished stage returns at once and changes nothing.
before=$(cksum <"$work/run/stage3.safetensors")
run 0 train --stage 3
[ "$before" = "$(cksum <"$work/run/stage3.safetensors")" ] || fail "a finished stage was trained again"
# The report is one page that needs no other file. It has every stage with its curves and pictures.
run 0 report
/usr/bin/python3 tests/support/check_page.py "$work/run/report/report.html" || fail "report.html is not a page of its own"
for part in 'stage3: training' 'latent, random neighbours' 'p10.trained' 'builtin-classifier-' 'alt="eval-stage3-Male"'; do
    grep -q "$part" "$work/run/report/report.html" || fail "report.html lacks '$part'"
done
[ -s "$work/run/report/eval-stage1.png" ] || fail "report.md has no picture beside it"
run 1 report --run "$work/nowhere"
err_has 'nowhere: not a run: it has neither metrics.jsonl nor an evaluation'
err_is_one_line

# The client that asked for a stage is gone, and the stage is still being trained. Training all stages waits for it, then
# goes on from there.
run 0 down
sed -i 's/^stage3: {iterations: 8/stage3: {iterations: 200/' "$work/config.yaml"
run 0 up
start_stage3
kill $!
wait $!
run 0 train --json
[ "$(grep -c '"step":"train","stage":"stage3".*"iteration":200' "$work/out")" -eq 2 ] || fail "training did not go on from stage 3"
