# Relative paths in a configuration are relative to the current directory. up in another directory finds no data set there: it
# fails with the absolute path and makes no run.
. tests/support/lib.sh
write_config
sed -i 's|^run:.*|run: out/run|; s|root: [^,]*|root: pictures/faces|' "$work/config.yaml"
RG_BIN=$(cd "$RG_BIN" && pwd)
mkdir -p "$work/here/pictures/faces" "$work/elsewhere"
cd "$work/elsewhere" || exit 1
run 1 up --config ../config.yaml
err_has "data.root: $work/elsewhere/pictures/faces does not exist: put the data there, or name its place with --set data.root=PATH \(a relative path begins in the current directory\)"
err_is_one_line
[ -z "$(ls "$work/elsewhere")" ] || fail "a run was made: $(ls "$work/elsewhere")"
run 1 up --config ../config.yaml --set data.list=list.txt
err_has "data.list: $work/elsewhere/list.txt does not exist"

run 0 config --keys
out_has '^run .*relative to the current directory'

# The run of a command lies in the current directory, whatever folder the configuration lies in.
cd "$work/here" || exit 1
run 0 up --config ../config.yaml --only retrieval
[ -e "$work/here/out/run/rg.pid" ] || fail "the run is not below the current directory"
run 0 down --config ../config.yaml
