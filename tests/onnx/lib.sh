# For the tests of exported networks: onnxruntime, as the npm package that holds its library. It is installed without its
# script, which would fetch libraries for graphics cards.
. tests/support/lib.sh

skip() { echo "SKIP: $*"; exit 77; }

have_runtime()
{
    command -v node >/dev/null || { echo "without onnxruntime: node is not installed"; return 1; }
    [ -e tests/onnx/node_modules/.package-lock.json ] && return
    command -v npm >/dev/null || { echo "without onnxruntime: npm is not installed"; return 1; }
    (cd tests/onnx && npm ci --ignore-scripts) >"$work/npm" 2>&1 && return
    echo "without onnxruntime: package.json's packages cannot be installed: $(tail -1 "$work/npm")"
    return 1
}
