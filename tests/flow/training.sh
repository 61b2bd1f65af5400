# What begins, ends and refuses training: nothing is lost, and what is wrong is said before hours have passed.
. tests/support/flow.sh
write_flow_config
run 0 make-faces "$work/faces" --count 40 --seed 1

# again OPTION...: starts the services anew, with these options.
again()
{
    run 0 down
    run 0 up "$@"
}
sum() { cksum <"$work/run/$1.safetensors"; }
saved() { grep -aom 1 '"iteration":"[0-9]*"' "$work/run/$1.safetensors" | tr -dc 0-9; }

# train_in_background STAGE [OPTION...]: until it iterates.
train_in_background()
{
    "$RG_BIN/rg-ctl" train --stage "$1" "${@:2}" >"$work/bg.out" 2>"$work/bg.err" </dev/null &
    client=$!
    until_field trainer stage = "stage$1"
    until_field trainer iteration -ge 1
}

# ---- what a checkpoint is, is compared before it is taken up
run 0 up
for stage in classifier 1; do run 0 train --stage $stage; done
for attributes in "Blond_Hair Black_Hair Brown_Hair Male Young" "Black_Hair Blond_Hair Brown_Hair Male Smiling"; do
    run 0 down
    run 1 up --set "data.attributes=$attributes" # the encoder names it at once; the services keep running
    for stage in 1 2; do
        err_has "stage1.safetensors: trained for the attributes"
        run 1 train --stage $stage
        err_has "stage1.safetensors: trained for the attributes \[Black_Hair, Blond_Hair, Brown_Hair, Male, Young\], but data.attributes is \[${attributes// /, }\]: set data.attributes"
        err_has -- "--restart"
    done
done
run 0 down
run 1 up --set model.attr_std=0.75
run 1 train --stage 2
err_has "another architecture: it was trained with model.attr_std 0.5, not 0.75"

run 0 down
run 0 up --set data.annotated=0.5 --set classifier.images=others
run 1 train --stage classifier
err_has "classifier.safetensors was trained with another classifier.images: set it as then, or --restart begins anew"

# ---- stage 3 needs a set that can guide it
again
run 0 train --stage 2
run 0 down
mv "$work/run/store" "$work/store"
run 0 up
run 0 reindex
run 1 train --stage 3
err_has "the retrieval set cannot guide stage3: it holds 0 images, fewer than model.k: 2; .rg-ctl add-images FOLDER'"
err_is_one_line
run 0 down
rm -r "$work/run/store"
run 0 up --only retrieval,loader,trainer
run 1 train --stage 3
err_has "the retrieval set cannot guide stage3: .*rg-ctl reindex'"
run 0 down
rm -r "$work/run/store"
[ ! -e "$work/run/stage3.safetensors" ] || fail "stage 3 was trained without neighbours"

# A set that is large enough at first: what is missing on the way is counted. The images of a batch are not their own
# neighbours, so that two images leave one.
mv "$work/store" "$work/run/store"
run 0 up
run 0 export --out "$work/export"
run 0 remove $(tail -n +3 "$work/export/images.jsonl" | sed -E 's/.*"id": ?"([0-9a-f]*)".*/--id \1/')
[ "$(field retrieval images)" -eq 2 ] || fail "the set holds $(field retrieval images) images, not 2"
run 0 train --stage 3 --json
out_has '"missing_neighbours":[1-9]'
grep -q " neighbours-missing stage=stage3 iteration=[0-9]* missing=" "$work/run/logs/trainer.log" || fail "missing neighbours were not logged"
grep -q '"missing_neighbours":[1-9]' "$work/run/metrics.jsonl" || fail "missing neighbours are not in the metrics"
[ "$(field trainer missing_neighbours)" -ge 1 ] || fail "missing neighbours are not in the status"

# ---- a checkpoint stays until the new training has saved
before=$(sum stage1)
run 0 down
run 0 up --only retrieval,encoder,trainer
"$RG_BIN/rg-ctl" train --stage 1 --restart >"$work/bg.out" 2>"$work/bg.err" </dev/null &
client=$!
until_field trainer state = waiting
grep -q '^stage1 restart$' "$work/run/job" || fail "the job does not say that it begins anew: $(cat "$work/run/job")"
kill -9 "$(field trainer pid)"
kill $client
wait $client
[ "$(sum stage1)" = "$before" ] || fail "the checkpoint is gone before the new training has saved"
run 0 down
run 0 up # the job goes on, and begins anew
until_field trainer state = idle
grep -q " resume stage=stage1 restart=1" "$work/run/logs/trainer.log" || fail "the restart was forgotten"
[ "$(saved stage1)" -eq 6 ] || fail "stage1 was not trained again"
[ ! -e "$work/run/job" ] || fail "the job was not ended"

# ---- one training at a time; Ctrl-C leaves it, --stop ends it
long="--set stage1.iterations=1000000 --set stage1.checkpoint_every=1000000"
again $long
train_in_background 1 --restart
run 1 train --stage 1 --restart
err_has "stage1 is being trained, and --restart counts from the beginning: .rg-ctl train --stop' first"
run 1 train --stage 1 --profile
err_has "stage1 is being trained, and --profile"
run 1 train --stage 2
err_has "stage1 is being trained"
kill -INT $client
wait $client
[ $? -eq 1 ] || fail "train did not end after SIGINT"
grep -q "detached: the training of stage1 goes on" "$work/bg.err" || fail "train did not say what goes on: $(cat "$work/bg.err")"
[ "$(field trainer state)" != idle ] || fail "the training does not go on"
"$RG_BIN/rg-ctl" train >"$work/bg.out" 2>"$work/bg.err" </dev/null & # all stages; joins the running one
client=$!
reached=$(field trainer iteration)
until_field trainer iteration -gt "$reached"
run 0 train --stop
out_has "^stopped at iteration $(saved stage1), saved in $work/run/stage1.safetensors$"
wait $client
[ $? -eq 1 ] || fail "train did not end when the stage was stopped"
grep -q "stage1 stopped at iteration" "$work/bg.err" || fail "train did not say what happened: $(cat "$work/bg.err")"
run 1 train --stop
err_has "no stage is being trained"
[ ! -e "$work/run/job" ] || fail "a stopped job would go on"
run 2 train --stop --stage 1

# ---- every end saves, but for weights that lead to numbers that are not finite
stopped=$(saved stage1)
train_in_background 1
until_field trainer iteration -gt "$stopped"
cp -r "$work/faces" "$work/whole"
for image in "$work"/faces/img_align_celeba/*.jpg; do head -c 300 "$work/whole/img_align_celeba/${image##*/}" >"$image"; done
kill -9 "$(field loader pid)" # it has read images ahead
wait $client
[ $? -eq 1 ] || fail "training went on without a readable image"
[ "$(saved stage1)" -gt "$stopped" ] || fail "what came since the last save is lost"
grep -q "stage1 stopped at iteration $(saved stage1), which is saved: the same command goes on" "$work/bg.err" || fail "$(cat "$work/bg.err")"
cp "$work"/whole/img_align_celeba/* "$work/faces/img_align_celeba/"
again --set stage1.optimizer=sgd --set stage1.lr=10 --set stage1.clip=0 $long
before=$(sum stage1)
run 1 train --stage 1
err_has "stage1: .* not finite at iteration .*; the checkpoint of iteration $(saved stage1) counts. Lower stage1.lr \(now 10\) or stage1.clip \(now 0"
[ "$(sum stage1)" = "$before" ] || fail "weights that diverged were saved"
run 0 down

# ---- one refused image and failing evaluations do not end the training of all stages
export RG_SET="run=$work/half data.annotated=0.5 evaluation.images=1"
run 0 up
for stage in classifier 1 2; do run 0 train --stage $stage; done
run 0 query --image "$work/faces/img_align_celeba/000001.jpg" --attr Male=1 --unannotated -k 1 --json
name=$(sed -nE 's/.*"name":"([^"]*)".*/\1/p' "$work/out" | head -n 1)
echo broken >"$work/faces/img_align_celeba/$name"
run 1 train
err_has "rg-ctl train: evaluate classifier failed: .*an evaluation needs at least"
out_has ", 1 refused"
err_has "rg-ctl train: trained, but 4 other steps failed: evaluate classifier, evaluate stage1, evaluate stage2, evaluate stage3; the same command repeats them"
[ "$(grep -aom 1 '"iteration":"8"' "$work/half/stage3.safetensors")" ] || fail "stage 3 was not trained"
run 0 down

# ---- a network that cannot be read is named before anything is trained
# missing KEY [OTHER...]: up fails with one sentence about the file of the key.
missing()
{
    local set=("--set" "$1=$work/none.onnx") other
    for other in "${@:2}"; do set+=("--set" "$other"); done
    run 1 up "${set[@]}"
    err_has "$work/none.onnx: cannot open"
    err_is_one_line
}
missing evaluation.extractor.file evaluation.extractor.features=x
missing evaluation.lpips.file "evaluation.lpips.layers=[x]"
missing evaluation.identity.file evaluation.identity.features=x
missing stage1.loss.vgg16 stage1.loss.perceptual=1
