"""Trained networks from a checkpoint of the system, as PyTorch modules.

    checkpoint = rg_unit.load_checkpoint("runs/faces32/stage3.safetensors")
    x = checkpoint.images(client.pixels("face.jpg"))
    with torch.no_grad():
        content, own = checkpoint.encode(x)
        edited = checkpoint.translate(x, checkpoint.wanted(own, {"Male": 1}))

They give what the encoder gives, up to rounding: 1e-4 of an embedding's or a code's numbers, and of pixels in -1..1.
"""
from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from rg_unit import images, networks
from rg_unit.errors import Code, Error
from rg_unit.safetensors import File

STAGES = ("stage1", "stage2", "stage3")
VERSION = "1"
# Of model.* and data.*, as in common/config/table.c.
LIMITS = {"gf": 1024, "n_res": 16, "attr_dims": 256, "mlp": 4096, "embed_dim": 4096, "k": 64}
SIDE_MAX, ATTRIBUTES_MAX = 1024, 40


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """The averaged weights of a stage, frozen and ready for inference; .requires_grad_() and .train() as for any module.

    embedder: R, of stages 2 and 3, else None. fusion: of stage 3 with model.fusion: concat. The letters are those of
    rg_unit.networks.
    """

    path: str
    stage: str
    iteration: int
    attributes: tuple[str, ...]
    exclusive: tuple[str, ...]  # attributes of which an image has at most one
    settings: Mapping[str, Any]  # the configuration of the training, nested as in its file
    attr_dims: int
    content: networks.Content
    attribute: networks.Attribute
    generator: networks.Generator
    embedder: networks.Embedder | None
    fusion: networks.Fusion | None

    def modules(self) -> nn.ModuleDict:
        """The networks under their names in the file, for state_dict(), .to(device) and so on."""
        found = {name: getattr(self, name) for name in PARTS}
        return nn.ModuleDict({name: module for name, module in found.items() if module is not None})

    def images(self, pixels: np.ndarray) -> Tensor:
        """Pixels [N,S,S,3] u8 -> images [N,3,S,S] f32 in -1..1."""
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float() * (2 / 255) - 1

    def pixels(self, x: Tensor) -> np.ndarray:
        """Images [N,3,S,S] in -1..1 -> pixels [N,S,S,3] u8."""
        bytes_ = ((x.detach().cpu() + 1) * 127.5 + 0.5).floor().clamp(0, 255).to(torch.uint8)
        return np.ascontiguousarray(bytes_.numpy().transpose(0, 2, 3, 1))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images [N,3,S,S] -> content [N,C,S/4,S/4], code [N,A*Z]."""
        return self.content(x), self.attribute(x)[0]

    def wanted(self, own: Tensor, wanted: Mapping[str, int]) -> Tensor:
        """Codes [N,A*Z] with the wanted attributes, {"Male": 1}: the mean of their component. EINVAL as Client.translate."""
        code = own.clone()
        for name, value in images.edits(wanted, self.attributes, self.exclusive).items():
            first = self.attributes.index(name) * self.attr_dims
            code[:, first : first + self.attr_dims] = 1.0 if value else -1.0
        return code

    def embed(self, x: Tensor, wanted: Mapping[str, int] | None = None) -> Tensor:
        """Images [N,3,S,S] -> embeddings [N,D]. With wanted attributes: queries for images that show them. ENOENT: no R."""
        if self.embedder is None:
            raise Error(Code.ENOENT, f"{self.path}: {self.stage} has no retrieval net: load stage 2 or 3")
        content, code = self.encode(x)
        if wanted:
            code = self.embedder.query_code(self.wanted(code, wanted))
        return self.embedder(content, code)

    def translate(self, x: Tensor, code: Tensor, features: np.ndarray | None = None, rebuilt: np.ndarray | None = None) -> Tensor:
        """Images [N,3,S,S] and wanted codes [N,A*Z] -> images [N,3,S,S].

        features [N,k,h,w,C]: of the neighbours that guide stage 3, as Client.search_embeddings(..., features=True) gives them;
        None: as if the retrieval set were empty. With model.detail the result keeps the detail of x that its reconstruction
        lacks; rebuilt: the features that guide the reconstruction, which only model.fusion: concat reads. ESHAPE.
        """
        content, own = self.encode(x)
        y = self._decode(content, own, code, features)
        if not self.settings["model"].get("detail", False):
            return y
        return (y + x - self._decode(content, own, own, rebuilt)).clamp(-1, 1)

    def _decode(self, content: Tensor, own: Tensor, code: Tensor, features: np.ndarray | None) -> Tensor:
        if self.stage == STAGES[2] and self.embedder is not None:
            content, code = self._guide(content, own, code, features)
        return self.generator(content, code)

    def _guide(self, content: Tensor, own: Tensor, code: Tensor, features: np.ndarray | None) -> tuple[Tensor, Tensor]:
        maps = self.fusion is not None
        k, (height, width) = int(self.settings["model"]["k"]), content.shape[2:] if maps else (1, 1)
        shape = (len(code), k, height, width, content.shape[1] if maps else code.shape[1])
        found = np.zeros(shape, np.float32) if features is None else np.asarray(features, np.float32)
        if found.shape != shape:
            raise Error(Code.ESHAPE, f"features has the shape {list(found.shape)}, needed is {list(shape)}")
        neighbours = torch.from_numpy(found).to(code)
        if self.fusion is None:
            return content, networks.guided_code(code, own, neighbours.flatten(2), int(self.settings["model"]["attr_dims"]))
        return self.fusion(content, neighbours.permute(0, 1, 4, 2, 3).flatten(1, 2)), code


PARTS = ("content", "attribute", "generator", "embedder", "fusion")


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Reads the checkpoint of stage 1, 2 or 3. The averaged weights take the place of the values where the file has them.

    ENOENT, EIO, EFORMAT: the file is missing, cannot be read or is damaged, which its checksums tell. EVERSION: another
    program wrote it. EMODEL: it is of the classifier, or tensors do not fit the configuration of its training.
    """
    file = File(path)
    stage, version = file.metadata.get("stage", ""), file.metadata.get("rg_version")
    if version != VERSION:
        raise Error(Code.EVERSION, f"{path}: not a checkpoint of this system (rg_version is {version or 'missing'}, needed is "
                                   f"{VERSION})")
    if stage not in STAGES:
        raise Error(Code.EMODEL, f"{path}: a checkpoint of {stage or 'no stage'}, needed is one of {', '.join(STAGES)}")
    try:
        settings = yaml.safe_load(file.metadata["config"])
        parts, attr_dims = _build(settings, stage), int(settings["model"]["attr_dims"])
        attributes, exclusive = file.metadata["attributes"].split(), settings["data"]["exclusive"]
        iteration = int(file.metadata["iteration"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise Error(Code.EFORMAT, f"{path}: its metadata lacks the configuration of the training: {error}") from None
    for name, module in parts.items():
        if module is not None:
            _fill(file, name, module)
    return Checkpoint(os.fspath(path), stage, iteration, tuple(attributes), tuple(exclusive), settings, attr_dims, **parts)


def _build(settings: Mapping[str, Any], stage: str) -> dict[str, Any]:
    model, data = settings["model"], settings["data"]
    for key, most in LIMITS.items():
        if not 0 <= model[key] <= most:
            raise ValueError(f"model.{key} is {model[key]}, at most {most} is possible")
    if not 16 <= data["img_size"] <= SIDE_MAX or len(data["attributes"]) > ATTRIBUTES_MAX:
        raise ValueError(f"data.img_size is {data['img_size']}, with {len(data['attributes'])} attributes")
    gf, dims, attrs = model["gf"], model["attr_dims"], len(data["attributes"])
    guided = stage == STAGES[2] and settings["retrieval"]["neighbours"] != "none"  # without them stage 3 is GMM-UNIT continued
    ranked, concat = model["retrieval"] == "ranked", model["fusion"] == "concat"
    return {
        "content": networks.Content(gf, model["n_res"]),
        "attribute": networks.Attribute(gf, attrs, dims),
        "generator": networks.Generator(gf, model["n_res"], attrs, dims, model["mlp"]),
        "embedder": networks.Embedder(gf, data["img_size"], attrs, dims, model["embed_dim"], ranked)
        if guided or stage == STAGES[1] else None,
        "fusion": networks.Fusion(gf, model["k"]) if guided and concat else None,
    }


def _fill(file: File, part: str, module: nn.Module) -> None:
    for key, parameter in module.named_parameters():
        name, averaged = f"{part}.{key}", f"ema.{part}.{key}"
        values = file.read(averaged if averaged in file.tensors else name)
        if values.shape != tuple(parameter.shape):
            raise Error(Code.EMODEL, f"{file.path}: {name} is {list(values.shape)}, needed is {list(parameter.shape)}: a "
                                     "checkpoint of another architecture")
        parameter.data = torch.from_numpy(values)
    module.requires_grad_(False)
    module.eval()
