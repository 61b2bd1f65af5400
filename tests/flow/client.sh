# The installed client library: the example in the header builds with the flags of pkg-config and works with a running
# service; the header is valid C99 and C++; the library exports only rg_client_*; Python reads what it wrote.
. tests/support/lib.sh
need retrieval
: "${RG_CFLAGS=}" # what the library itself was built with: sanitizers
installed=$work/installed moved=$work/elsewhere
endpoint=ipc://$work/run/retrieval.ipc

end()
{
    local code=$?
    [ -n "${server:-}" ] && kill "$server" && wait "$server"
    (exit $code)
    cleanup
}
trap end EXIT

step()
{
    "$@" >"$work/out" 2>"$work/err" || fail "$*"
}

# The folder is moved after the installation: pkg-config must still find the library.
step cmake --install "$RG_BIN/.." --prefix "$installed"
[ -x "$installed/bin/rg-ctl" ] || fail "rg-ctl is not installed"
mv "$installed" "$moved"
PKG_CONFIG_PATH=$(dirname "$(find "$moved" -name rg_client.pc)")
export PKG_CONFIG_PATH
LD_LIBRARY_PATH=$(pkg-config --variable=libdir rg_client)
export LD_LIBRARY_PATH
step nm -D --defined-only "$LD_LIBRARY_PATH/librg_client.so"
grep -v ' rg_client_' "$work/out" && fail "the library exports more than rg_client_*"

# The example is in the first comment of the header, before the line that builds it.
header=$moved/include/rg_client.h
sed -nE '/#include <rg_client.h>/,/^\/\/    cc /{/^\/\/    cc /d;s,^//( {4})?,,p}' "$header" >"$work/example.c"
cp tests/flow/client_fill.c "$work/fill.c"
strict="-std=c99 -pedantic -Wall -Wextra -Wno-unused-parameter -Werror"
for program in fill example; do
    # shellcheck disable=SC2046,SC2086  # lists of options
    step cc $strict $RG_CFLAGS -o "$work/$program" "$work/$program.c" $(pkg-config --cflags --libs rg_client)
done
step c++ -x c++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only "$header"

# A client may start before its server.
"$RG_BIN/rg-retrieval" --set run="$work/run" --set retrieval.map_size_gib=1 --set threads=1 2>"$work/server.err" &
server=$!
step "$work/fill" "$endpoint"
step "$work/example" "$endpoint"
printf 'image%d.jpg %d\n' 0 0 1 1 2 4 | cmp - "$work/out" || fail "the example finds something else"

# Python reads what C has written.
. tests/support/python.sh
need_package
check tests/flow/python/filled.py "$endpoint"
