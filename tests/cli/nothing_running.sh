# Without services, every command that needs one says so at once, names the service and exits 1.
. tests/support/lib.sh
write_config
config="--config $work/config.yaml --set limits.timeout_ms=200"
run 0 make-faces "$work/faces" --count 10 --seed 1
image=$(find "$work/faces" -name '000001.jpg')

run 1 status $config
out_has "^trainer +no answer"
err_has "no answer from retrieval, encoder, loader, trainer, evaluator: nothing is running in $work/run; "
err_is_one_line
# A relative run directory is named as what it is: another one in another folder.
mkdir "$work/elsewhere"
(cd "$work/elsewhere" && "$RG_BIN/rg-ctl" status $config --set run=run 2>"$work/err") && fail "services answer elsewhere"
err_has "nothing is running in $work/elsewhere/run; .rg-ctl up. starts the services there"
run 1 status $config --json loader
out_has '^\{"services":\[\{"service":"loader","answers":false\}\]\}$'
run 0 down $config
out_has "nothing is running in $work/run"

run 1 train $config --stage 1
err_has "the trainer does not answer at ipc://$work/run/trainer.ipc \\(run directory $work/run\\)"
err_is_one_line
run 1 evaluate $config
err_has "the evaluator does not answer"
run 1 query $config --image "$image"
err_has "the encoder does not answer"
run 1 translate $config --image "$image" --out "$work/grid.png"
err_has "the encoder does not answer"
[ ! -e "$work/grid.png" ] || fail "a picture was written"
run 1 add-images $config "$work/faces"
err_has "the loader does not answer"

run 1 query $config --image "$work/none.jpg"
err_has "$work/none.jpg"
head -c 300 "$image" >"$work/torn.jpg"
run 1 query $config --image "$work/torn.jpg"
err_has "$work/torn.jpg"
err_is_one_line
