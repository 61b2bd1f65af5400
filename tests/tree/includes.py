"""The walls that README's tour states, read off every #include: folders are layers whose arrows point one way, and a
library is seen in one place only.  includes.py ROOT; prints each line that breaks a wall."""
import pathlib
import re
import sys

# What a folder may include besides itself: each layer with all that it stands on.
CORE = ["common/core"]
CONFIG = CORE + ["common/config"]
WIRE = CONFIG + ["common/wire", "proto"]
DATA = CONFIG + ["common/data"]
NN = CONFIG + ["common/nn"]
ONNX = NN + ["common/onnx", "proto"]
MODEL = ONNX + ["common/model"]
LAYERS = {
    "common/core": CORE,
    "common/config": CONFIG,
    "common/wire": WIRE,
    "common/data": DATA,
    "common/nn": NN,
    "common/nn/cpu": NN + ["common/nn/cpu"],
    "common/nn/opencl": NN + ["common/nn/opencl"],
    "common/onnx": ONNX,
    "common/model": MODEL,
    "common/client": WIRE + ["common/data"],
    "common/report": CORE + ["common/report"],
    "services/loader": WIRE + DATA,
    "services/retrieval": WIRE + ["common/nn"],
    "services/encoder": WIRE + DATA + MODEL,
    "services/trainer": WIRE + DATA + MODEL,
    "services/evaluator": WIRE + DATA + MODEL + ["common/report"],
    "services/gateway": WIRE + DATA + ["common/model", "common/report"],
    "services/report": WIRE + DATA + ["common/report", "common/model"],
    "services/ctl": WIRE + DATA + ["common/report", "common/nn", "common/model", "services/report"],
}

# A library's headers, and the only folders or files that may include them.
LIBRARIES = {
    r"(czmq|zmq)\.h": ["common/wire/"],
    r"microhttpd\.h": ["common/wire/http"],
    r"protobuf-c/.*": ["common/wire/", "common/onnx/"],
    r"libfyaml\.h": ["common/config/"],
    r"(jpeglib|png|jerror|turbojpeg|webp/.*)\.h": ["common/data/"],
    r"archive(_entry)?\.h": ["services/ctl/shard.c"],
    r"(oneapi/dnnl/.*|cblas\.h|lapacke?\.h)": ["common/nn/cpu/"],
    r"(CL/.*|clblast.*\.h)": ["common/nn/opencl/"],
    r"(lmdb\.h|faiss/.*)": ["services/retrieval/"],
    r"mpi\.h": ["services/trainer/"],
    r"argp\.h": ["common/wire/", "services/ctl/command.c"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def folder_of(path):
    """The longest layer that a path lies in."""
    return max((layer for layer in LAYERS if path.startswith(layer + "/")), key=len, default=None)


def allowed(path, header):
    """Whether the file may include this header of the project."""
    layer = folder_of(path)
    target = folder_of(header) or str(pathlib.PurePath(header).parent)
    if header.endswith(".pb-c.h"):
        target = "proto"
    return target == layer or target in LAYERS[layer]


def faults(root):
    for file in sorted(root.glob("common/**/*.[ch]")) + sorted(root.glob("services/**/*.[ch]")):
        path = str(file.relative_to(root))
        if folder_of(path) is None:
            yield f"{path}:1: this folder has no line in includes.py"
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            own, library = match.groups()
            if own and not allowed(path, own):
                yield f"{path}:{number}: {folder_of(path)} may not include {own}"
            for pattern, places in LIBRARIES.items():
                if library and re.fullmatch(pattern, library) and not path.startswith(tuple(places)):
                    yield f"{path}:{number}: only {', '.join(places)} may include <{library}>"


if __name__ == "__main__":
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "every include keeps to the layers")
    sys.exit(1 if found else 0)
