# Keys are made, listed and withdrawn without any service; errors name the bad key or file.
. tests/support/lib.sh
write_config
keys=$work/keys
echo "security: {keys: $keys}" >>"$work/config.yaml"
export RG_CONFIG=$work/config.yaml

run 1 keys list
err_has "$keys/server.key: cannot open"
err_is_one_line
run 1 keys add ann --role reader
err_has "$keys: cannot open folder"
run 0 keys init
out_has "^$keys holds the services' key, and the key services with which they ask each other"
run 1 keys init
err_has "$keys: has the services' keys already"
run 0 keys add ann --role reader
out_has "^ann is a reader: hand over $keys/server.key and $keys/ann.key_secret"
run 0 keys add --role writer wendy --json
out_has '^\{"name":"wendy","role":"writer","public_key":"[^ ]{40,}"\}$'
run 1 keys add ann --role admin
err_has "$keys/allowed: ann is there already, as reader"
run 1 keys add ../ann --role admin
err_has "'../ann' is not a name for a key"

run 0 keys list
out_has "^server +- +[^ ]{40}$"
out_has "^services +admin +[^ ]{40}$"
out_has "^ann +reader +[^ ]{40}$"
run 0 keys list --json
out_has '\{"name":"wendy","role":"writer",'
run 0 keys remove ann
out_has "^ann is refused from now on$"
run 1 keys remove ann
err_has "$keys/allowed: there is no ann"
[ -e "$keys/ann.key_secret" ] && fail "the withdrawn key's file is still there"

for secret in "$keys"/*.key_secret; do
    [ "$(stat -c %a "$secret")" = 600 ] || fail "$secret has mode $(stat -c %a "$secret")"
done
tcp="--set endpoints.loader=tcp://127.0.0.1:9 loader"
chmod 644 "$keys/wendy.key_secret"
# shellcheck disable=SC2086  # several words
run 1 status --set security.identity=wendy $tcp
err_has "$keys/wendy.key_secret: users other than its owner may read it \(mode 0644\); chmod go-rwx it"
err_is_one_line
# shellcheck disable=SC2086
run 1 status --set security.identity=nobody $tcp
err_has "$keys/nobody.key_secret: cannot stat: No such file"
echo "reader short bob" >>"$keys/allowed"
run 1 keys list
err_has "$keys/allowed:4: 'short' is not a public key of 40 characters"
