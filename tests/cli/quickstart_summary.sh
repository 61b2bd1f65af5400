# The screen that the quickstart ends with: five numbers from the reports, on 24 lines of 80 columns.
. tests/support/lib.sh
summary=$PWD/deploy/summary.sh
mkdir -p "$work/out/run/reports" "$work/out/faces" "$work/out/extra"
touch "$work/out/faces/1.jpg" "$work/out/faces/2.jpg" "$work/out/extra/1.jpg"
cat >"$work/out/run/reports/stage3.json" <<'END'
{
  "images": 96,
  "set_generation": 64,
  "wanted_accuracy_latent": 0.875,
  "wanted_accuracy_latent.Male": 0.5,
  "untouched_accuracy_latent": 1.0,
  "frechet_latent": 1.5e-05,
  "frechet_exemplar": 1.25,
  "ceiling_accuracy": 0.99185
}
END
echo '  "p10.trained.attributes": 0.972917, "p10.random.attributes": 0.5425' | tr , '\n' >"$work/out/run/reports/stage2.json"
echo '{"report":{"set_generation":51,"retrieved":12117,"retrieved_new":2304}}' >"$work/out/stage3.json"
summarise() { (cd "$work" && "$summary" out >"$work/screen") && mv "$work/screen" "$work/out.txt" || fail "no summary"; }
summarise
has() { grep -qE -e "$1" "$work/out.txt" || fail "the screen lacks '$1'"; }
has "2 annotated faces, and 1 without annotation"
has "stage 3 on 96 images"
has "^  0\.875 .*; 0\.992 of real faces$"
has "^  1\.000 .* stayed$"
has "^  0\.000 +Frechet .*: 1\.250$"
has "^  0\.973 .*; 0\.542 in random ones$"
has "^  2304 +of 12117 neighbours"
has "out/run/report/report.html"
[ "$(wc -l <"$work/out.txt")" -le 24 ] || fail "more than one screen"
awk 'length > 80 { exit 1 }' "$work/out.txt" || fail "a line is longer than 80 columns"

sed -i '/frechet_exemplar/d' "$work/out/run/reports/stage3.json" # of an earlier version
summarise
has "^  0\.000 +Frechet .*: \?$"
