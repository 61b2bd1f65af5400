"""filled.py ENDPOINT: finds the images that client_fill has added: image0.jpg to image3.jpg, image i at i * i, and one whose name is not
UTF-8."""
import sys

import numpy as np

import rg_unit


def check(found, wanted):
    if found != wanted:
        sys.exit(f"{found}, not {wanted}")


with rg_unit.Client(retrieval=sys.argv[1]) as client:
    status = client.status()
    check((status.images, status.model, status.dimension), (5, "mine", 2))
    near = client.search_embeddings(np.array([0.75, 0]), k=2, model="mine")
    check([(image.name, image.distance) for image in near.images[0]], [("image1.jpg", 0.0625), ("image0.jpg", 0.5625)])
    others = client.search_embeddings([[0.75, 0]], k=2, model="mine", exclude=near.images[0][0])
    check([image.name for image in others.images[0]], ["image0.jpg", "image2.jpg"])
    check(len(client.draw(5).images[0]), 5)
    check("caf%E9%0A4.jpg" in [image.name for image in client.list()], True)
    try:
        client.search_embeddings([[1, 2, 3]], model="mine")
    except rg_unit.Error as error:
        check((error.code, str(error).startswith("retrieval: ")), (rg_unit.Code.ESHAPE, True))
    else:
        sys.exit("three numbers were searched in two dimensions")
