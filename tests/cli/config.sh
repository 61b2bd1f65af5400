# Configuration errors name file, line and key. The printed configuration can be read again.
. tests/support/lib.sh
write_config

run 1 config --config "$work/none.yaml"
err_has "$work/none.yaml"
err_is_one_line
printf 'seed: 1\nmodel:\n  gff: 8\n' >"$work/bad.yaml"
run 1 config --config "$work/bad.yaml"
err_has "bad.yaml:3: model.gff"
err_is_one_line
printf 'threads: 0\n' >"$work/bad.yaml"
run 1 status --config "$work/bad.yaml"
err_has "bad.yaml:1: threads"
run 1 config --config "$work/config.yaml" --set model.kk=3
err_has "model.kk"

run 0 config --keys
out_has "^model.gf +"
run 0 config --config "$work/config.yaml" --set model.k=5
out_has "^ +k: 5$"
cp "$work/out" "$work/again.yaml"
run 0 config --config "$work/again.yaml"
cmp -s "$work/out" "$work/again.yaml" || fail "a printed configuration changed when read again"
RG_CONFIG=$work/again.yaml run 0 config
cmp -s "$work/out" "$work/again.yaml" || fail "RG_CONFIG is not used"
run 0 config --config "$work/again.yaml" --json
out_has '"model":\{"gf":8,'

for file in configs/*.yaml; do
    run 0 config --config "$file"
done
