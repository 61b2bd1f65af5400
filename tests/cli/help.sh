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
# The commands are grouped by purpose, and bash completes them and their options.
run 0 --help
for title in "Run the services" "Prepare a data set" "Train and measure" "Find and translate images" "Change the retrieval set"; do
    out_has "^$title:$"
done
run 0 --completion
completes() # WANT WORD...: the last of these words is completed to WANT
{
    local want=$1
    shift
    COMP_WORDS=(rg-ctl "$@") COMP_CWORD=$# COMPREPLY=()
    _rg_ctl
    [ "${COMPREPLY[*]}" = "$want" ] || fail "$* is completed to '${COMPREPLY[*]}', not to '$want'"
}
. "$work/out"
cp "$work/out" "$work/completion"
completes "train translate" tra
completes "--profile" train --p
completes "--set" train --se
completes "--restart" train --stage 1 --re
completes "" nonsense --re
run 2
err_has "^Usage: rg-ctl COMMAND"
run 0 --version
out_has '^rg-ctl [0-9]+\.[0-9]+\.[0-9]+$'
for service in $all_services; do
    [ "$("$RG_BIN/rg-$service" --version)" = "rg-$service $(sed 's/.* //' "$work/out")" ] || fail "rg-$service is of another version"
done
# An installation has the same words.
cmp -s "$work/completion" "$RG_BIN/../deploy/rg-ctl.completion" || fail "the build has no completion, or an old one"
