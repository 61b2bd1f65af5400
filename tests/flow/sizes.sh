# The retrieval set by size at the smallest scale: sets of their own for stage 3, one of which grows while it trains.
. tests/support/flow.sh
write_flow_config 40
run 0 make-faces "$work/faces" --count 40 --seed 1
run 1 experiment sizes --seeds 1
err_has "data.annotated: is 1, so that there are no unannotated images to add"
run 0 experiment sizes --seeds 1 --set data.annotated=0.25
root=$work/run/experiment
# added ROW COUNT...: what each add-images of the row added, of 8 annotated and 24 other training images.
added()
{
    local found
    found=$(sed -nE 's/^([0-9]+) added.*/\1/p' "$root/a25-s1-$1/log" | tr '\n' ' ')
    [ "$found" = "${*:2} " ] || fail "the set of $1 got $found, not ${*:2}"
}
added set0 8
added set25 14
added set50 20
added growing 8 24
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
