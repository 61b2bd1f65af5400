"""check.py FILE...: passes each ONNX file through onnx's own checker, with the shapes of all values, and requires what
our files promise: metadata, and a first side N of every input and output."""
import sys

import onnx

NOTES = {"network", "stage", "iteration", "attributes", "attr_dims", "img_size", "pixels", "fusion", "weights"}

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    assert [o.name for o in inferred.output] == [o.name for o in model.graph.output], path
    missing = NOTES - {note.key for note in model.metadata_props}
    assert not missing, f"{path}: no metadata {missing}"
    for value in [*model.graph.input, *model.graph.output]:
        sides = value.type.tensor_type.shape.dim
        assert sides[0].dim_param == "N" and value.doc_string, f"{path}: {value.name}"
print(f"{len(sys.argv) - 1} files pass onnx {onnx.__version__}")
