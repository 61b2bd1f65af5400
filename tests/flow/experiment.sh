# The paper's second table at the smallest scale: every control is trained and measured, finished runs are skipped, and a
# folder of another configuration is refused.
. tests/support/flow.sh
write_flow_config 4
run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 experiment table2 --seeds 2
root=$work/run/experiment
for seed in 1 2; do
    for row in continued frozen retrieved random; do
        report=$root/a100-s$seed-$row/reports/stage3.json
        grep -q '"iteration": 4,' "$report" || fail "$report lacks 4 iterations"
        [ "$root/a100-s$seed/stage1.safetensors" -ef "$root/a100-s$seed-$row/stage1.safetensors" ] || fail "$row trained a stage 1 of its own"
    done
done
[ -s "$root/a100-s1-retrieved/samples/eval-stage3-Male.png" ] || fail "the picture of translations and their neighbours is missing"
# The report: a page that needs no other file, and the numbers.
/usr/bin/python3 tests/support/check_page.py "$root/table2/report.html" || fail "report.html is not a page of its own"
for part in 'RG-UNIT, random neighbours' 'The swap test' 'R untrained' 'builtin-classifier-'; do
    grep -q "$part" "$root/table2/report.html" || fail "report.html lacks '$part'"
done
[ "$(grep -c '^a100-s2-random,2,1,stage3,kid_latent\b\|^a100-s1,1,1,stage2,p10.trained.average' "$root/table2/numbers.csv")" -eq 1 ] ||
    fail "numbers.csv lacks the retrieval of seed 1"
stamp() { cksum "$root"/*/*.safetensors; }
before=$(stamp)
run 0 experiment table2 --seeds 2
[ "$before" = "$(stamp)" ] || fail "finished runs were trained again"
[ -z "$(ls "$root"/*/rg.pid 2>/dev/null)" ] || fail "services were left running"
[ "$(ls "$root"/features | wc -l)" -ge 1 ] || fail "runs do not share the features of real images"
rm "$root/a100-s1-random/finished.yaml"
cp "$root/a100-s1/stage1.safetensors" "$work/other" && mv "$work/other" "$root/a100-s1/stage1.safetensors"
run 1 experiment table2 --seeds 2
err_has 'a100-s1-random/stage1.safetensors is no longer .*a100-s1/stage1.safetensors: remove .*a100-s1-random$'
run 1 experiment table2 --seeds 2 --set stage3.iterations=5
err_has 'begun with another configuration \(now `iterations: 5'
err_is_one_line
