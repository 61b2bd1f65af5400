"""A stand-in for the Python package onnxruntime where only the npm package onnxruntime-node is here: the part of its
interface that README's example uses, computed by node (runtime.mjs). Put this folder on PYTHONPATH."""
import json
import os
import subprocess
import tempfile
from types import SimpleNamespace

import numpy
import onnx

HERE = os.path.dirname(os.path.abspath(__file__))


class InferenceSession:
    def __init__(self, path):
        self.path = path
        self.model = onnx.load(path)

    def get_inputs(self):
        return [SimpleNamespace(name=value.name) for value in self.model.graph.input]

    def get_modelmeta(self):
        notes = {note.key: note.value for note in self.model.metadata_props}
        return SimpleNamespace(custom_metadata_map=notes)

    def run(self, names, feeds):
        """All outputs. node reads the inputs and writes the outputs as files of floats."""
        assert names is None
        with tempfile.TemporaryDirectory() as folder:
            dims = {name: list(value.shape) for name, value in feeds.items()}
            for name, value in feeds.items():
                numpy.ascontiguousarray(value, numpy.float32).tofile(os.path.join(folder, name))
            command = ["node", os.path.join(HERE, "runtime.mjs"), self.path, folder, json.dumps(dims)]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            return [numpy.fromfile(os.path.join(folder, value.name), numpy.float32).reshape(found[value.name])
                    for value in self.model.graph.output]
