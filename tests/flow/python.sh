# The Python package, installed by pip from the sources, beside the running system: its example, what the client promises, and the
# networks of checkpoints in PyTorch, which give what the services give (python_forms.sh has the other forms of networks).
. tests/support/flow.sh
. tests/support/python.sh
need_package
write_flow_config
sed -i 's/, k: 2}/, k: 2, detail: true}/' "$RG_CONFIG"

# pip builds from the sources and puts the package before the one that python.sh names. The sources are copied, because pip writes
# beside them.
if "$python" -c "import venv, ensurepip, setuptools, wheel" 2>/dev/null; then
    mkdir -p "$work/sources/common/client"
    cp -r proto "$work/sources"
    cp -r common/client/python "$work/sources/common/client"
    "$python" -m venv --system-site-packages "$work/venv" >"$work/out" 2>"$work/err" || fail "no virtual environment"
    python=$work/venv/bin/python
    "$python" -m pip install --no-index --no-build-isolation --no-deps "$work/sources/common/client/python" >"$work/out" 2>"$work/err" ||
        fail "pip does not install the package"
    PYTHONPATH=tests/support
    "$python" -c 'import sys, rg_unit; sys.exit(not rg_unit.__file__.startswith(sys.argv[1]))' "$work/venv" || fail "not the installed package"
    "$python" -m pip show rg-unit >"$work/out" 2>"$work/err" || fail "pip does not know the package"
    out_has '^Requires: .*pyzmq'
fi

prepare_stage3
run 0 train --stage 3
export RG_FACES=$work/faces RG_EXTRA=$work/extra RG_RUN=$work/run
RG_OUT=$work/pictures check common/client/python/examples/faces.py
[ -s "$work/pictures/edited.png" ] && [ -s "$work/pictures/neighbours.png" ] || fail "the example writes no pictures"
check tests/flow/python/system.py
[ "$(field retrieval images)" -eq 40 ] || fail "the set holds $(field retrieval images) images, not 32, 8 that Python added, and none that it removed"
need_module torch
check tests/flow/python/networks.py
