"""The networks of the Python package in float64 give the outputs of fixtures/models.bin, which the engine gives, too (test_models.c)."""
import json
import pathlib
import sys

try:
    import numpy as np
    import torch
except ImportError as error:
    print(f"SKIP: {error}: install python3-torch")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "common" / "client" / "python" / "rg_unit"
sys.path[:0] = [str(HERE), str(PACKAGE)]
import networks  # noqa: E402
from filling import fill, initialise  # noqa: E402

GF, N_RES, ATTRS, DIMS, MLP, IMG, EMBED, K, N = 4, 2, 5, 8, 16, 32, 20, 3, 2  # of make_model_reference.py
WIDTH, SIDE, CODE = 4 * GF, IMG // 4, ATTRS * DIMS
TOLERANCE = 1e-6  # the file holds f32


def leaf(name, shape):
    value = torch.from_numpy(fill(name, shape))
    return value.permute(0, 3, 1, 2) if value.dim() == 4 else value


def reference():
    content = (HERE / "fixtures" / "models.bin").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return {name: np.frombuffer(content[8 + length :][slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
            for name, entry in header.items()}


def main():
    image, maps, code, found = (N, IMG, IMG, 3), (N, SIDE, SIDE, WIDTH), (N, CODE), (N, SIDE, SIDE, K * WIDTH)
    keep = torch.from_numpy(np.where(fill("keep", (2, N, networks.HIDDEN)) < 0.8, np.float32(1 / 0.9), np.float32(0)).astype(np.float64))
    cases = {  # module, its name in checkpoints, shapes of the inputs, what is not an input of the file
        "content": (networks.Content(GF, N_RES), "content", [image], []),
        "attribute": (networks.Attribute(GF, ATTRS, DIMS), "attribute", [image], []),
        "generator": (networks.Generator(GF, N_RES, ATTRS, DIMS, MLP), "generator", [maps, code], []),
        "embedder": (networks.Embedder(GF, IMG, ATTRS, DIMS, EMBED), "embedder", [maps, code], [keep]),
        "ranked": (networks.Embedder(GF, IMG, ATTRS, DIMS, EMBED, ranked=True), "embedder", [maps, code], [keep]),
        "fusion": (networks.Fusion(GF, K), "fusion", [maps, found], []),
    }
    want, compared = reference(), 0
    for name, (module, part, shapes, others) in cases.items():
        initialise(module, part + ".")
        with torch.no_grad():
            outputs = module(*(leaf(f"{name}.x{i}", shape) for i, shape in enumerate(shapes)), *others)
        for i, y in enumerate(outputs if isinstance(outputs, tuple) else (outputs,)):
            y = y.permute(0, 2, 3, 1) if y.dim() == 4 else y
            np.testing.assert_allclose(y.numpy(), want[f"{name}.y{i}"].reshape(y.shape), rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
            compared += 1
    print(f"{compared} outputs are equal")


main()
