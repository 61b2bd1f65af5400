"""roles.py ENDPOINT KEYS IDENTITY: prints the size of the retrieval set, and why this key may not remove an image."""
import sys

import rg_unit

endpoint, keys, identity = sys.argv[1:]
with rg_unit.Client(retrieval=endpoint, keys=keys, identity=identity) as client:
    print(client.status().images, "images")
    try:
        client.remove(bytes(16))
    except rg_unit.Error as error:
        print(error.code.name, error)
