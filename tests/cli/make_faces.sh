# The same seed gives the same bytes. A folder that cannot be created is an error with one sentence.
. tests/support/lib.sh

run 0 make-faces "$work/a" --count 12 --seed 5
out_has "12 faces in $work/a"
run 0 make-faces "$work/b" --count 12 --seed 5
diff -r "$work/a" "$work/b" || fail "two runs with one seed differ"
run 0 make-faces "$work/c" --count 12 --seed 6
diff -rq "$work/a" "$work/c" >/dev/null && fail "two seeds give the same faces"
run 0 make-faces "$work/plain" --count 3 --plain --json
out_has '"faces":3'
[ -z "$(find "$work/plain" -type f ! -name '*.jpg')" ] || fail "--plain wrote more than JPEGs"
[ "$(find "$work/plain" -name '*.jpg' | wc -l)" -eq 3 ] || fail "--plain did not write 3 JPEGs"

touch "$work/file"
run 1 make-faces "$work/file/faces" --count 2
err_has "$work/file"
err_is_one_line
