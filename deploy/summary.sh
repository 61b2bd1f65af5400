#!/bin/sh
# summary.sh OUT: the end of the quickstart on one screen, from the files that it left in OUT: what was made, the five
# numbers that matter with what they mean, and where the pictures are.
set -eu
out=${1:?"usage: summary.sh OUT"}
stage2=$out/run/reports/stage2.json stage3=$out/run/reports/stage3.json

# entry FILE KEY: a number in a JSON file, a fraction with three digits after the point; "?" if the file lacks it.
entry()
{
    sed -n "s/.*\"$2\": *\(-\{0,1\}[0-9.e+-]*\).*/\1/p" "$1" | tail -n 1 |
        awk '{ printf $1 ~ /[.e]/ ? "%.3f" : "%d", $1; found = 1 } END { if (!found) printf "?" }'
}
line() { printf '  %-8s %s\n' "$1" "$2"; }
pictures() { find "$1" -name '*.jpg' | wc -l; }

cat <<END

== what was made
  $out/faces, $out/extra    $(pictures "$out/faces") annotated faces, and $(pictures "$out/extra") without annotation
  $out/run/*.safetensors   the trained networks
  $out/run/store           the retrieval set, at generation $(entry "$stage3" set_generation)

== five numbers, of stage 3 on $(entry "$stage3" images) images that no stage has seen
END
line "$(entry "$stage3" wanted_accuracy_latent)" "of translated faces show what was asked for; $(entry "$stage3" ceiling_accuracy) of real faces"
line "$(entry "$stage3" untouched_accuracy_latent)" "of the attributes that nobody asked to change stayed"
line "$(entry "$stage3" frechet_latent)" "Frechet distance to real faces; of real ones as asked for: $(entry "$stage3" frechet_exemplar)"
line "$(entry "$stage2" p10.trained.attributes)" "right attributes in the 10 nearest images; $(entry "$stage2" p10.random.attributes) in random ones"
line "$(entry "$out/stage3.json" retrieved_new)" "of $(entry "$out/stage3.json" retrieved) neighbours were added while stage 3 trained"
cat <<END

== pictures
  $out/query.png                        a face and the nearest images
  $out/translate.png                    a face and its translations
  $out/run/samples/eval-stage3*.png     translations of test images
  $out/run/report/report.html           all numbers, curves and grids on one page

Next, to translate your own faces on a page at http://127.0.0.1:8080/:
  build/bin/rg-ctl up --config configs/smoke.yaml --set http.gateway=8080
END
