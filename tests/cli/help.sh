# Every command explains itself, with examples, and exits 0.
. tests/support/lib.sh

run 0 --help
awk 'length > 80 { exit 1 }' "$work/out" || fail "the list of commands is wider than 80 columns"
for command in up down status stats make-faces data train add-images remove query reindex index export translate evaluate report experiment keys config; do
    run 0 --help
    out_has "^  $command +[A-Z]"
    run 0 $command --help
    out_has "^Usage: rg-ctl $command"
    out_has "^Examples:"
    out_has "^  rg-ctl $command "
    out_has "--json"
    awk 'length > 80 { exit 1 }' "$work/out" || fail "the help of $command is wider than 80 columns"
done
run 2
err_has "^Usage: rg-ctl COMMAND"
run 0 --version
out_has '^rg-ctl [0-9]+\.[0-9]+\.[0-9]+$'
for service in $all_services; do
    [ "$("$RG_BIN/rg-$service" --version)" = "rg-$service $(sed 's/.* //' "$work/out")" ] || fail "rg-$service is of another version"
done
