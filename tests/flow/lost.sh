# A write of the store fails that cannot be taken back: the service says why and exits. The next one goes on with everything
# that was acknowledged, and the request that met the failure is sent again.
. tests/support/lib.sh
need retrieval
[ -z "${RG_SANITIZED:-}" ] || { echo "SKIP: sanitizers do not allow a preloaded library"; exit 77; }
write_config
export RG_CONFIG=$work/config.yaml RG_FAIL_META=$work/broken
endpoint=ipc://$work/run/retrieval.ipc

LD_PRELOAD=$RG_FAIL_META_LIBRARY "$RG_BIN/rg-retrieval" 2>"$work/server.err" &
server=$!
"$RG_CLIENT_FILL" "$endpoint" || fail "the images are not added"
: >"$work/broken"
"$RG_CLIENT_FILL" "$endpoint" 2>"$work/fill.err" & # announces its model, which is written
fill=$!
wait $server
code=$?
[ $code -eq 1 ] || fail "the service ended with $code: $(cat "$work/server.err")"
grep -q 'error retrieval failed code=RG_EIO error=.*/store: cannot write to the retrieval store: Input/output error' "$work/server.err" ||
    fail "it does not say why: $(cat "$work/server.err")"

rm "$work/broken"
"$RG_BIN/rg-retrieval" 2>"$work/server.err" &
wait $fill # its images are known, which this program takes for a failure
[ ! -s "$work/fill.err" ] || fail "the request was not sent again: $(cat "$work/fill.err")"
run 0 index verify
out_has '^ *stored +5$'
out_has '^ *problems +0$'
