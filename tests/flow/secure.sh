# Encrypted tcp: the whole system works with the key of the services, and each role may do exactly what it should.
. tests/support/flow.sh
write_flow_config
write_tcp_endpoints
keys=$work/keys
echo "security: {keys: $keys}" >>"$work/config.yaml"
run 0 keys init
run 0 keys add ann --role reader
run 0 keys add wendy --role writer
prepare_stage3
run 0 train --stage 3

# as NAME CODE COMMAND...: runs a command with a folder that has only the key files of NAME.
as()
{
    local name=$1 code=$2
    shift 2
    mkdir -p "$work/$name"
    [ -e "$work/$name/server.key" ] || cp -p "$keys/server.key" "$keys/$name.key_secret" "$work/$name"
    run "$code" "$@" --set security.keys="$work/$name" --set security.identity="$name"
}
image=$work/extra/000001.jpg
refused() { err_has "a $1_request needs the $2 role, and the role of $3 is $4"; }

as ann 0 status
out_has "^retrieval +[a-z]+ "
as ann 0 query --image "$image" --attr Male=1 -k 3 --out "$work/query.png"
as ann 0 translate --image "$image" --attr Male=1 --out "$work/edited.png"
as ann 1 remove "$image"
refused remove admin ann reader
as ann 1 add-images "$image"
refused ingest writer ann reader
as ann 1 train --stage 3
refused train admin ann reader

# The client library shows a key, too.
status=$RG_BIN/../tests/flow/client_status
endpoint=$(sed -nE 's,^ *retrieval: (tcp://.*),\1,p' "$work/config.yaml")
"$status" "$endpoint" "$work/ann" ann >"$work/out" 2>"$work/err" || fail "the client library is refused"
out_has '^32 images$'
"$status" "$endpoint" "$work/ann" bob >"$work/out" 2>"$work/err" && fail "the client library was admitted without a key"
err_has 'bob.key_secret'

# So does the Python package.
. tests/support/python.sh
if has_package; then
    check tests/flow/python/roles.py "$endpoint" "$work/ann" ann
    out_has '^32 images$'
    out_has 'a remove_request needs the admin role, and the role of ann is reader'
fi

as wendy 0 add-images "$work/extra"
[ "$(field retrieval images)" -eq 56 ] || fail "the retrieval set holds $(field retrieval images) of 56 images"
as wendy 1 remove "$image"
refused remove admin wendy writer
# Only an administrator names files that a service shall read.
as wendy 1 reindex --checkpoint "$work/run/stage2.safetensors"
refused load admin wendy writer

# A key is withdrawn while everything runs. The client still has its files.
run 0 keys remove wendy
as wendy 1 add-images "$work/extra" --set limits.timeout_ms=2000
err_has "refused peer=loader .* reason=.the key of security.identity is not allowed there."
err_has "the loader does not answer"
grep -q "key-refused key=" "$work/run/logs/loader.log" || fail "the loader does not log who was refused"

# A client without a key, or with the keys of another system, gets no answer.
run 1 remove "$image" --set security.keys= --set limits.timeout_ms=2000
err_has "refused peer=retrieval "
err_has "the retrieval does not answer"
run 0 keys init --set security.keys="$work/others"
run 1 remove "$image" --set security.keys="$work/others" --set limits.timeout_ms=2000
err_has "refused peer=retrieval .* reason=.the peer hung up: does it have the same server.key, or no keys."
err_has "the retrieval does not answer"
[ "$(field retrieval images)" -eq 56 ] || fail "an image was removed"
run 0 remove "$image"
[ "$(field retrieval images)" -eq 55 ] || fail "the admin could not remove an image"
