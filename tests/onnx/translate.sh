# The example of services/README.md, executed as it stands there, translates an image with the exported networks; without
# neighbours it gives what `rg-ctl translate` gives. It needs Python with numpy, PIL and onnxruntime, or onnx and the npm
# package in the place of onnxruntime.
. tests/support/flow.sh
. tests/onnx/lib.sh
python=/usr/bin/python3
write_flow_config

run 1 export --model onnx --out "$work/networks"
err_has "no checkpoint here yet: train stage 1 first"
run 2 export --model keras --out "$work/networks"
err_has -- "--model keras: expected onnx"
run 2 export --stage 1 --out "$work/networks"
err_has -- "--stage needs --model"

prepare_stage3
run 0 train --stage 3
run 0 export --model onnx --stage 1 --out "$work/stage1"
out_has "networks of stage1 at iteration 6:"
[ ! -e "$work/stage1/embedder.onnx" ] || fail "stage 1 has no retrieval net"
run 0 export --model onnx --out "$work/networks" --json
out_has '"stage":"stage3"'
for network in content attribute embedder generator; do
    [ -s "$work/networks/$network.onnx" ] || fail "$network.onnx is missing"
done

$python -c 'import numpy, PIL' 2>/dev/null || skip "numpy or PIL are not here"
if ! $python -c 'import onnxruntime' 2>/dev/null; then
    $python -c 'import onnx' 2>/dev/null || skip "neither onnxruntime nor onnx for Python is here"
    have_runtime || skip "onnxruntime is not here"
    export PYTHONPATH=$PWD/tests/onnx
fi

# Three faces of the networks' size, so that both sides read the same pixels. They are PNG, whatever their names say.
$python - "$work" <<'END' || fail "the faces"
import sys
from PIL import Image
for name, number in ("f", 1), ("a", 2), ("b", 3):
    face = Image.open(f"{sys.argv[1]}/faces/img_align_celeba/{number:06}.jpg").resize((32, 32))
    face.save(f"{sys.argv[1]}/{name}.jpg", format="PNG")
END
run 0 translate --image "$work/f.jpg" --attr Male=1 --guidance none --out "$work/ours"

# The example: the lines of README from its first import to the end of the block.
sed -n '/^    import numpy, onnxruntime/,/^$/s/^    //p' services/README.md >"$work/example.py"
(cd "$work" && $python example.py) || fail "the example"
mv "$work/edited.png" "$work/guided.png"
sed -i 's/^inputs\["neighbours"\] = .*/inputs["neighbours"] = numpy.zeros((1, 2, code.size), "f")/' "$work/example.py"
(cd "$work" && $python example.py) || fail "the example without neighbours"
$python - "$work"/edited.png "$work"/ours/* "$work/guided.png" <<'END' || fail "the example's translation is not ours"
import sys, numpy
from PIL import Image
example, ours, guided = (numpy.asarray(Image.open(path).convert("RGB"), int) for path in sys.argv[1:])
assert example.shape == ours.shape == guided.shape == (32, 32, 3)
assert abs(example - ours).max() <= 1, abs(example - ours).max()
assert (guided != example).any()
END
