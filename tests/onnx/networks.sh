# Exported networks of every form pass onnx's checker (python3-onnx) and compute in onnxruntime what ours compute.
# RG_ONNX_REFERENCE writes them. What is missing here is left out; if both are, the test is skipped.
. tests/onnx/lib.sh

"${RG_ONNX_REFERENCE:?}" "$work" || fail "reference"
if /usr/bin/python3 -c 'import onnx' 2>/dev/null; then
    /usr/bin/python3 tests/onnx/check.py "$work"/*.onnx || fail "the checker"
    checked=1
fi
if have_runtime; then
    node tests/onnx/compare.mjs "$work" || fail "onnxruntime"
elif [ -z "${checked:-}" ]; then
    skip "neither python3-onnx nor onnxruntime-node is here"
fi
