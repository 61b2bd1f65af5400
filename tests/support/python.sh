# For the tests of the Python package: $python, which has Debian's modules, finds the package of this build.
: "${work:?tests/support/lib.sh}"
python=${PYTHON:-/usr/bin/python3}
export PYTHONPATH=$RG_BIN/../common/client/python:tests/support PYTHONDONTWRITEBYTECODE=1

# has_package: whether Python has what the package needs. need_package: skips the test otherwise. need_module MODULE: the same.
has_package() { "$python" -c "import zmq, xxhash, google.protobuf, numpy, PIL, yaml" 2>/dev/null; }
need_package() { has_package || { echo "SKIP: $python lacks a module that the Python package needs"; exit 77; }; }
need_module() { "$python" -c "import $1" 2>/dev/null || { echo "SKIP: $python has no module $1"; exit 77; }; }

# check FILE ARGUMENT...: runs a Python file, which must succeed.
check() { "$python" -W error::ResourceWarning "$@" >"$work/out" 2>"$work/err" || fail "$*"; }
