# The retrieval set by size at the smallest scale: sets of their own for stage 3, one of which grows while it trains.
. tests/support/flow.sh
write_flow_config 40
run 0 make-faces "$work/faces" --count 40 --seed 1
run 1 experiment sizes --seeds 1
err_has "data.annotated: is 1, so that there are no unannotated images to add"
root=$work/run/experiment
# Stopped while the growing row trains, if it does not end before; the same command goes on.
"$RG_BIN/rg-ctl" experiment sizes --seeds 1 --set data.annotated=0.25 >"$work/out" 2>"$work/err" </dev/null &
experiment=$!
until [ -s "$root/a25-s1-growing/metrics.jsonl" ] || ! kill -0 $experiment 2>/dev/null; do :; done
kill -INT $experiment 2>/dev/null
wait $experiment || err_has 'stopped; run the same command again to continue'
[ -z "$(ls "$root"/*/rg.pid 2>/dev/null)" ] || fail "services were left running"
run 0 experiment sizes --seeds 1 --set data.annotated=0.25
# began ROW COUNT: what the first add-images of the row added, of 8 annotated and 24 other images.
summaries() { grep -E '^[0-9]+ added, [0-9]+ known' "$root/a25-s1-$1/log"; }
began() { [[ "$(summaries "$1" | head -1)" == "$2 added, 0 known"* ]] || fail "the set of $1 did not begin with $2 images: $(summaries "$1")"; }
began set0 8
began set25 14
began set50 20
began growing 8
ended=$(summaries growing | sed -nE '$s/^([0-9]+) added, ([0-9]+) .*/\1 + \2/p')
[ $((ended)) -eq 32 ] || fail "the growing set did not get all images: $(summaries growing)"
[ "$(summaries set0 | wc -l)" -eq 1 ] || fail "the set of set0 grew: $(summaries set0)"
began_with() { grep -aom 1 '"set_generation":"[0-9]*"' "$root/a25-s1-$1/stage3.safetensors"; }
[ -n "$(began_with set0)" ] || fail "stage 3 does not know its set"
[ "$(began_with growing)" = "$(began_with set0)" ] || fail "the growing set was not small when stage 3 began"
grep -Eq '"set_complete_at": [1-4]0' "$root/a25-s1-growing/growth.json" || fail "growth.json: $(cat "$root/a25-s1-growing/growth.json")"
[ ! -e "$root/a25-s1-retrieved/store" ] || fail "the whole set is not that of the base"
for part in 'all, added while it trained minus all' 'none minus all' 'after iteration'; do
    grep -q "$part" "$root/sizes/report.html" || fail "report.html lacks '$part'"
done
# An interrupted run goes on: what is stored and trained is not done again.
stamp() { cksum "$root"/*/*.safetensors "$root"/*/growth.json; }
before=$(stamp)
rm "$root/a25-s1-growing/finished.yaml"
run 0 experiment sizes --seeds 1 --set data.annotated=0.25
[ "$before" = "$(stamp)" ] || fail "finished stages were trained again"
