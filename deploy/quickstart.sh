#!/bin/sh
# The main job on synthetic faces, from a bare Debian 12 or 13 to pictures: installs, builds, draws faces, starts the services,
# trains all three stages at smoke scale, adds unannotated images while stage 3 trains, queries, translates, and leaves
# grids and a report in out/.  It ends with one screen that sums up.  A second run reuses what is there.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

say "packages"
./deploy/install.sh

say "build"
cmake -S . -B build -G Ninja >/dev/null
ninja -C build

config=configs/smoke.yaml out=out report=out/report.txt
export RG_CONFIG=$config
PATH=$PWD/build/bin:$PATH
mkdir -p $out

say "faces: $out/faces (annotated), $out/extra (images only)"
rg-ctl make-faces $out/faces --count 1000 --seed 1
rg-ctl make-faces $out/extra --count 200 --seed 2 --plain

say "services"
rg-ctl down
rg-ctl up
trap 'rg-ctl down' EXIT
trap 'exit 1' INT TERM # which would end this shell without the line above

# Stages 1 and 2, then the training images into the retrieval set.
for stage in classifier 1 2; do
    say "stage $stage"
    rg-ctl train --stage $stage
done

# The value of a number in one line of JSON.
number() { sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" | tail -n 1; }

say "stage 3, and unannotated images added while it trains"
rg-ctl train --stage 3 --json >$out/stage3.json 2>$out/stage3.log &
training=$!
iteration() { rg-ctl status --json trainer | sed -n 's/.*"stage":"stage3".*"iteration":"\{0,1\}\([0-9]*\).*/\1/p'; }
while kill -0 $training 2>/dev/null; do
    at=$(iteration || true)
    [ "${at:-0}" -lt 1 ] || break
    sleep 0.2
done
echo "adding images: stage 3 is at iteration ${at:-?}"
rg-ctl add-images $out/extra
wait $training || { cat $out/stage3.log >&2; exit 1; }

say "evaluate"
for stage in classifier 1 2 3; do rg-ctl evaluate --stage $stage; done >$out/evaluation.txt

say "query and translate"
rg-ctl query --image $out/extra/000001.jpg --attr Blond_Hair=1,Young=0 -k 10 --out $out/query.png
rg-ctl translate --image $out/extra/000001.jpg --out $out/translate.png

{
    echo "RG-UNIT quickstart, $(date -u '+%Y-%m-%d %H:%M UTC')"
    echo
    echo "Neighbours that stage 3 used:             $(number retrieved <$out/stage3.json)"
    echo "  index generation when training began:   $(number set_generation <$out/stage3.json)"
    echo "  of images added after training began:   $(number retrieved_new <$out/stage3.json)"
    echo "  the latest of them in generation:       $(number last_new_generation <$out/stage3.json)"
    echo
    rg-ctl status
    echo
    cat $out/evaluation.txt
} >$report
rg-ctl report >/dev/null
[ "$(number retrieved_new <$out/stage3.json)" -gt 0 ] || {
    cat $report
    echo "quickstart: stage 3 retrieved no image that was added while it trained" >&2
    exit 1
}
./deploy/summary.sh $out
