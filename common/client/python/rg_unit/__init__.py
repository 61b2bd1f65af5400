"""RG-UNIT from Python: a client of the running services, and trained networks in PyTorch.

Client is the manual of the services, load_checkpoint that of the networks; networks need PyTorch, the client does not.
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rg_unit.client import Client
from rg_unit.errors import Code, Error
from rg_unit.images import content_id
from rg_unit.results import Embeddings, Fate, Filter, Found, Image, Model, Outcome, Status, Translation

if TYPE_CHECKING:
    from rg_unit.checkpoint import Checkpoint

__all__ = ["Client", "Code", "Embeddings", "Error", "Fate", "Filter", "Found", "Image", "Model", "Outcome", "Status",
           "Translation", "content_id", "load_checkpoint"]


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """The trained networks of a file RUN/STAGE.safetensors as PyTorch modules: see rg_unit.checkpoint.load."""
    from rg_unit import checkpoint

    return checkpoint.load(path)
