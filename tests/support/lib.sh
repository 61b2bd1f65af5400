# For the shell tests: a temporary folder, assertions, and a cleanup that ends all processes of the test.
# RG_BIN is the folder of the executables; tests run from the source root.
set -u
: "${RG_BIN:?folder of the executables}"
unset RG_CONFIG RG_SET
work=$(mktemp -d "${TMPDIR:-/tmp}/rg-cli-XXXXXX")
all_services="retrieval encoder loader trainer evaluator"
first_port=$((10000 + $$ % 2000 * 10)) # the first of ten ports that tests beside this one do not use

cleanup()
{
    local code=$? pid
    for pid in "$work"/*/rg.pid; do
        [ -e "$pid" ] && "$RG_BIN/rg-ctl" down --force --config "$work/config.yaml" --set run="${pid%/rg.pid}" >/dev/null 2>&1
    done
    jobs -p | xargs -r kill 2>/dev/null # background commands, which would wait for the services
    rm -rf "$work"
    exit $code
}
trap cleanup EXIT
trap 'fail "interrupted, or out of time"' INT TERM

fail()
{
    echo "FAIL: $*" >&2
    echo "--- stdout"; cat "$work/out" 2>/dev/null
    echo "--- stderr"; cat "$work/err" 2>/dev/null
    tail -v -n 20 "$work"/*.log "$work"/*/logs/*.log 2>/dev/null
    exit 1
}

# need SERVICE...: skips the test if one of these services is not built.
need()
{
    local service
    for service in "$@"; do
        [ -x "$RG_BIN/rg-$service" ] || { echo "SKIP: rg-$service is not built"; exit 77; }
    done
}

# run CODE COMMAND...: runs rg-ctl, which must exit with CODE. The assertions below check its output.
run()
{
    local want=$1 code
    shift
    "$RG_BIN/rg-ctl" "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    [ $code -eq "$want" ] || fail "rg-ctl $*: exit code $code, expected $want"
}

out_has() { grep -qE -e "$1" "$work/out" || fail "standard output lacks '$1'"; }
err_has() { grep -qE -e "$1" "$work/err" || fail "standard error lacks '$1'"; }
fits_terminal() { awk 'length > 80 { exit 1 }' "$work/out" || fail "a line of standard output is longer than 80 columns"; }
# Beside lines of progress (up   0% 0/1 ...), which a busy machine shows after some seconds.
err_is_one_line() { [ "$(grep -cvE '^[a-z][a-z0-9-]* +[0-9]+% ' "$work/err")" -eq 1 ] || fail "standard error is not one sentence"; }

# Writes a small configuration; its run directory and data are in the temporary folder.
write_config()
{
    cat >"$work/config.yaml" <<END
run: $work/run
threads: 1
data: {root: $work/faces, img_size: 32}
model: {gf: 8, n_res: 1, df: 8, d_layers: 3, mlp: 32, embed_dim: 16}
retrieval: {map_size_gib: 1}
END
}
