# The Debian package python3-rg-unit, made from this build: what it depends on is what the package imports, and an unpacked copy is
# imported from where Debian's Python looks.
. tests/support/lib.sh
. tests/support/python.sh
need_package
command -v dpkg-deb >/dev/null || { echo "SKIP: dpkg-deb is not installed"; exit 77; }

cpack -G DEB --config "$RG_BIN/../CPackConfig.cmake" -B "$work/cpack" -D CPACK_COMPONENTS_ALL=python >"$work/out" 2>"$work/err" ||
    fail "cpack makes no package"
package=$(echo "$work"/cpack/python3-rg-unit_*_all.deb)
dpkg-deb -f "$package" Package Source Architecture Depends Description >"$work/out" 2>"$work/err" || fail "not a Debian package"
out_has '^Package: python3-rg-unit$'
out_has "^Description: client of RG-UNIT's services"
for module in numpy pil protobuf xxhash yaml zmq; do out_has "^Depends:.* python3-$module( |,|\$)"; done

dpkg-deb -x "$package" "$work/root" >"$work/out" 2>"$work/err" || fail "the package cannot be unpacked"
folder=$(dirname "$(find "$work/root" -path '*/lib/python3/dist-packages/rg_unit')")
[ -d "$folder" ] || fail "the package is not where Python looks"
PYTHONPATH=$folder "$python" -c 'import importlib.metadata, rg_unit; print(rg_unit.__file__, importlib.metadata.version("rg-unit"))' >"$work/out" 2>"$work/err" ||
    fail "the unpacked package cannot be imported"
out_has "^$folder/rg_unit/__init__.py [0-9.]+$"
if command -v lintian >/dev/null && [ -d "$work/root/usr/share" ]; then
    lintian --fail-on error,warning "$package" >"$work/out" 2>"$work/err" || fail "lintian finds faults in the package"
fi
