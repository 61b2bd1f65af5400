# The evaluator measures each new checkpoint once, beside the evaluations that are requested; also after it was killed.
. tests/support/flow.sh
write_flow_config
sed -i 's/^evaluation:.*/evaluation: {images: 8, follow: 4, sources: 2, outputs: 2}/' "$work/config.yaml"
history=$work/run/evaluations.jsonl
run 0 make-faces "$work/faces" --count 80 --seed 1
run 0 up
run 0 train --stage classifier
run 0 train --stage 1
until grep -q '^{"stage":"stage1","iteration":6,' "$history" 2>/dev/null; do field evaluator state >/dev/null; done
grep -q '^{"stage":"classifier","iteration":6,.*"images":4,' "$history" || fail "the classifier was not followed: $(cat "$history")"
run 0 evaluate --stage 1
out_has '^  8 images of the test split'
[ "$(grep -c '"stage":"stage1","iteration":6,' "$history")" -eq 2 ] || fail "not one quick and one full evaluation: $(cat "$history")"
grep -q '"images": 8,' "$work/run/reports/stage1.json" || fail "the report is not that of the full evaluation"

lines=$(wc -l <"$history")
pid=$(field evaluator pid)
kill -9 "$pid"
until_field evaluator stage = stage1 # the existing checkpoints: the classifier first, then this one
until_field evaluator state = idle
[ "$(wc -l <"$history")" -eq "$lines" ] || fail "something was measured twice: $(cat "$history")"
