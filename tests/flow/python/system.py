"""What the client promises, with the system of python.sh: it holds the 32 training images of RG_FACES; RG_EXTRA has more."""
import os
import pathlib
import signal
import unittest

import numpy as np

import rg_unit
from fails import Case

FACES = sorted(pathlib.Path(os.environ["RG_FACES"]).rglob("*.jpg"))
EXTRA = sorted(pathlib.Path(os.environ["RG_EXTRA"]).rglob("*.jpg"))
ADDED = 8


class TestSystem(Case):
    def setUp(self):
        self.client = self.enterContext(rg_unit.Client(os.environ["RG_CONFIG"]))

    def test_1_what_is_added_is_durable_and_found(self):
        text = pathlib.Path(os.environ["RG_CONFIG"])
        fates = [outcome.fate.name for outcome in self.client.add([*EXTRA[:ADDED], text])]
        self.assertEqual(fates, ADDED * ["ADDED"] + ["REFUSED"])
        os.kill(self.client.status().pid, signal.SIGKILL)
        found = self.client.search(EXTRA[:ADDED], k=2)  # asked while the service is away
        ids = [rg_unit.content_id(file) for file in EXTRA[:ADDED]]
        self.assertEqual([images[0].id for images in found.images], ids)
        self.assertLess(found.distances[:, 0].max(), 1e-3)  # rounding
        self.assertEqual([outcome.fate.name for outcome in self.client.add(EXTRA[:ADDED])], ADDED * ["DUPLICATE"])
        self.assertEqual(found.size, self.client.status().images)

    def test_2_searches_agree(self):
        wanted, own = {"Blond_Hair": 1, "Young": 0}, rg_unit.content_id(EXTRA[0])
        first = self.client.search(EXTRA[0], wanted, k=5, exclude=own, features=True, thumbnails=True)
        embeddings = self.client.embed(EXTRA[0], wanted)
        second = self.client.search_embeddings(embeddings, k=5, exclude=[own.hex()], features=True)
        self.assertEqual([image.id for image in first.images[0]], [image.id for image in second.images[0]])
        np.testing.assert_array_equal(first.features, second.features)
        self.assertEqual(first.images[0][0].thumbnail.size, (32, 32))
        new = self.client.search(EXTRA[0], k=40, filter=rg_unit.Filter(annotated=False, exclude=[own]))
        self.assertEqual(len(new.images[0]), ADDED - 1)
        self.assertTrue(np.isinf(new.distances[0, ADDED - 1 :]).all())
        drawn = [[image.id for image in self.client.draw(4, seed=3).images[0]] for _ in range(2)]
        self.assertEqual(drawn[0], drawn[1])
        self.fails(rg_unit.Code.EMODEL, "retrieval: ", self.client.search_embeddings, embeddings.values, model="another")
        self.fails(rg_unit.Code.ESHAPE, "retrieval: ", self.client.search_embeddings, np.zeros(3), model=embeddings.model)
        self.fails(rg_unit.Code.ELIMIT, "retrieval: ", self.client.search_embeddings, embeddings, k=9999)
        self.fails(rg_unit.Code.EINVAL, "choose from Black_Hair, ", self.client.search, EXTRA[0], {"Blond": 1})

    def test_3_the_list_is_the_set(self):
        listed = list(self.client.list(thumbnails=True, embeddings=True))
        self.assertEqual(len({image.id for image in listed}), self.client.status().images)
        values = self.client.embed([file for file in EXTRA[:ADDED]]).values
        by_id = {image.id: image for image in listed}
        for file, embedding in zip(EXTRA[:ADDED], values):
            image = by_id[rg_unit.content_id(file)]
            np.testing.assert_allclose(image.embedding, embedding, atol=2e-2)  # a picture may differ by a grey level
            self.assertEqual((image.name, image.annotated, image.thumbnail.size), (str(file), False, (32, 32)))

    def test_4_an_image_is_removed(self):
        file = EXTRA[ADDED]
        self.client.add(file)
        self.assertEqual(self.client.remove(rg_unit.content_id(file)), 1)
        self.assertEqual(self.client.remove(rg_unit.content_id(file)), 0)
        self.assertNotEqual(self.client.search(file, k=1).images[0][0].id, rg_unit.content_id(file))

    def test_5_translations_are_of_the_size_of_the_networks(self):
        found = self.client.translate(EXTRA[:3], {"Male": 1}, samples=2)
        self.assertEqual((found.stage, found.pixels.shape, found.image(2, 1).size), ("stage3", (3, 2, 32, 32, 3), (32, 32)))
        self.assertEqual([len(sample) for image in found.neighbours for sample in image], 6 * [2])
        alone = self.client.translate(EXTRA[:3], {"Male": 1}, guided=False)
        self.assertEqual((alone.generation, alone.neighbours[0][0]), (0, []))
        like = self.client.translate(EXTRA[:3], {"Male": 1}, references=EXTRA[3:6])
        self.assertEqual(like.pixels.shape, (3, 1, 32, 32, 3))

    def test_6_each_service_has_a_status(self):
        for service in "retrieval", "encoder", "loader", "trainer", "evaluator":
            self.assertEqual(self.client.status(service).state, "ready")
        self.assertEqual(self.client.status("encoder", settings=True).settings["data.img_size"], "32")


if __name__ == "__main__":
    unittest.main()
