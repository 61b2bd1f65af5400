# Distances by accuracy at the smallest scale: every model at every weight, judged by a classifier that has seen other images. The runs at
# the configuration's own weight are those of table 2.
. tests/support/flow.sh
write_flow_config 4
run 0 make-faces "$work/faces" --count 40 --seed 1
limited="--set data.annotated=0.5 --set classifier.images=others"
run 0 experiment curve --seeds 1 --classify 0.5,1,2 $limited
root=$work/run/experiment
for row in continued frozen retrieved random; do
    for weight in -c0.5 "" -c2; do
        folder=$root/a50-s1-$row$weight
        grep -q '"judge_images": "16 training images, none of the 16 whose annotation' "$folder/reports/stage3.json" || fail "$folder: the judge is not apart"
        [ "$root/a50-s1/stage1.safetensors" -ef "$folder/stage1.safetensors" ] || fail "$folder trained a stage 1 of its own"
        [ "$root/a50-s1-judge/classifier.safetensors" -ef "$folder/classifier.safetensors" ] || fail "$folder has another judge"
    done
done
/usr/bin/python3 tests/support/check_page.py "$root/curve/report.html" || fail "report.html is not a page of its own"
for part in 'RG-UNIT, random neighbours, 0.5' 'middle common accuracy' 'straight lines'; do
    grep -q "$part" "$root/curve/report.html" || fail "report.html lacks '$part'"
done
stamp() { cksum "$root"/*/*.safetensors; }
before=$(stamp)
run 0 experiment curve --seeds 1 --classify 0.5,1,2 $limited
run 0 experiment table2 --seeds 1 $limited
[ "$before" = "$(stamp)" ] || fail "finished runs were trained again"
