# Every program and every command has a manual page, which comes from its help text and which man formats without a warning.
. tests/support/lib.sh
command -v help2man >/dev/null || { echo "SKIP: help2man is missing"; exit 77; }

deploy/man.sh "$RG_BIN" "$work/man" 1.2.3
commands=$("$RG_BIN/rg-ctl" --help | sed -n 's/^  \([a-z-]*\)  *[A-Z].*/rg-ctl-\1/p')
[ "$(echo "$commands" | wc -l)" -ge 19 ] || fail "rg-ctl --help lists too few commands"
for page in rg-ctl rg-encoder rg-evaluator rg-gateway rg-loader rg-retrieval rg-trainer $commands; do
    zcat "$work/man/$page.1.gz" >"$work/page"
    grep -qi "^.TH $page \"1\" .*1\.2\.3" "$work/page" || fail "$page has no heading"
    grep -q "^$page .- [a-z]" "$work/page" || fail "$page has no name"
    grep -q "^\.SH DESCRIPTION" "$work/page" || fail "$page says nothing"
    ! command -v man >/dev/null || MANWIDTH=80 man --warnings -l "$work/page" >/dev/null 2>"$work/err"
    [ ! -s "$work/err" ] || fail "man warns of $page"
done
zcat "$work/man/rg-ctl-query.1.gz" | grep -q '^.fB.*added.-after' || fail "rg-ctl-query has no options"
