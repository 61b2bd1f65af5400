# %% [markdown]
# # RG-UNIT from Python
#
# Run it as a script, or cell by cell in an editor that knows `# %%`. It needs a running system (`rg-ctl up`) with trained stages,
# such as `deploy/quickstart.sh` makes:
#
#     RG_CONFIG=configs/smoke.yaml RG_FACES=out/faces python3 common/client/python/examples/faces.py

# %% Connect. The configuration file of the system says where the services are.
import os
import pathlib

import numpy as np
import PIL.Image

import rg_unit

faces = sorted(pathlib.Path(os.environ.get("RG_FACES", "out/faces")).rglob("*.jpg"))
out = pathlib.Path(os.environ.get("RG_OUT", "out"))
out.mkdir(exist_ok=True)
client = rg_unit.Client(os.environ.get("RG_CONFIG", "configs/smoke.yaml"))
status = client.status()
print(f"{status.images} images of model {status.model}, embeddings of {status.dimension} numbers")

# %% Search by image: real images with the content of this face that show the wanted attributes.
face = faces[-1]
found = client.search(face, {"Blond_Hair": 1, "Young": 0}, k=5, exclude=rg_unit.content_id(face), thumbnails=True)
for image in found.images[0]:
    print(f"{image.distance:.4f} {image.name}")
row = np.hstack([np.asarray(image.thumbnail) for image in found.images[0]])
PIL.Image.fromarray(row).save(out / "neighbours.png")

# %% Search by embedding: embeddings are arrays [N,D], and can be combined before the search.
embeddings = client.embed(faces[-8:])
mean = embeddings.values.mean(0, keepdims=True)
nearest = client.search_embeddings(mean, k=3, model=embeddings.model)
print("nearest to the mean of 8 faces:", [image.name for image in nearest.images[0]])

# %% Translate: pixels [N,samples,S,S,3], and the neighbours that guided each.
edited = client.translate(faces[-4:], {"Male": 1}, samples=3)
rows = [np.hstack([source, *samples]) for source, samples in zip(client.pixels(faces[-4:]), edited.pixels)]
PIL.Image.fromarray(np.vstack(rows)).save(out / "edited.png")
print(f"{edited.stage} translated to {list(edited.pixels.shape)}, guided by", [image.name for image in edited.neighbours[0][0]])

# %% Add and remove. An image is known by its file; after ADDED it is on the disk of the retrieval service.
variant = PIL.Image.open(faces[-1]).transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
(outcome,) = client.add(variant, names=["mirrored.png"])
print(outcome.fate.name, outcome.id.hex())
print("removed:", client.remove(outcome.id))

# %% The whole set, as arrays.
images = list(client.list(embeddings=True))
matrix = np.stack([image.embedding for image in images])
print("embeddings of the set:", matrix.shape)

# %% The same networks in PyTorch, if it is installed: they translate without the services, and can be trained further.
try:
    import torch
except ImportError:
    print("no PyTorch here")
else:
    run = client.status("encoder", settings=True).setting("run", str)
    checkpoint = rg_unit.load_checkpoint(f"{run}/{edited.stage}.safetensors")
    x = checkpoint.images(client.pixels(faces[-4:]))
    with torch.no_grad():
        content, own = checkpoint.encode(x)
        y = checkpoint.translate(x, checkpoint.wanted(own, {"Male": 1}))
    print("PyTorch:", list(y.shape))

# %%
client.close()
