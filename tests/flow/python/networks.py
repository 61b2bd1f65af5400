"""The networks of the checkpoints in RG_RUN, in PyTorch, give what the encoder gives: embeddings and codes to 1e-4, and
translations to 1e-4 of the range beyond the rounding to bytes."""
import os
import pathlib
import unittest

import numpy as np
import torch

import rg_unit

EXTRA = sorted(pathlib.Path(os.environ["RG_EXTRA"]).rglob("*.jpg"))[:6]
RUN = pathlib.Path(os.environ["RG_RUN"])
TOLERANCE, GREY = 1e-4, 127.5
WANTED = {"Blond_Hair": 1, "Male": 1}


class TestNetworks(unittest.TestCase):
    def setUp(self):
        self.client = self.enterContext(rg_unit.Client(os.environ["RG_CONFIG"]))
        self.checkpoint = rg_unit.load_checkpoint(RUN / "stage3.safetensors")
        self.pixels = self.client.pixels(EXTRA)
        self.images = self.checkpoint.images(self.pixels)
        self.enterContext(torch.no_grad())

    def assert_near(self, ours, theirs):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=TOLERANCE)

    def assert_shows(self, image, pixels):
        """The bytes are those of the image, rounded."""
        values = (image.permute(0, 2, 3, 1).numpy() + 1) * GREY
        self.assertLess(np.abs(values - pixels).max(), 0.5 + TOLERANCE * GREY)
        self.assertGreater(pixels.std(), 1)

    def test_pixels_and_images_are_inverse(self):
        np.testing.assert_array_equal(self.checkpoint.pixels(self.images), self.pixels)

    def test_embeddings_are_equal(self):
        self.assert_near(self.checkpoint.embed(self.images), self.client.embed(self.pixels).values)
        self.assert_near(self.checkpoint.embed(self.images, WANTED), self.client.embed(self.pixels, WANTED).values)

    def test_translations_without_neighbours_are_equal(self):
        _, own = self.checkpoint.encode(self.images)
        ours = self.checkpoint.translate(self.images, self.checkpoint.wanted(own, WANTED))
        self.assert_shows(ours, self.client.translate(self.pixels, WANTED, guided=False).pixels[:, 0])

    def test_guided_translations_are_equal(self):
        theirs = self.client.translate(self.pixels, WANTED)
        features = self.features(self.client.embed(self.pixels, WANTED), [images[0] for images in theirs.neighbours])
        _, own = self.checkpoint.encode(self.images)
        code = self.checkpoint.wanted(own, WANTED)
        self.assert_shows(self.checkpoint.translate(self.images, code, features), theirs.pixels[:, 0])
        alone = self.checkpoint.translate(self.images, code)
        self.assertGreater((self.checkpoint.translate(self.images, code, features) - alone).abs().max(), 10 * TOLERANCE)

    def features(self, embeddings, neighbours):
        """What the generator reads of these neighbours of each image, [N,k,h,w,C]."""
        found = self.client.search_embeddings(embeddings, k=self.client.status().images, features=True)
        rows = []
        for images, features, wanted in zip(found.images, found.features, neighbours):
            at = {image.id: i for i, image in enumerate(images)}
            rows.append(features[[at[image.id] for image in wanted]])
        return np.stack(rows)

    def test_every_stage_loads_under_the_names_of_its_file(self):
        for stage, parts in (1, 3), (2, 4), (3, 4 + (self.checkpoint.settings["model"]["fusion"] == "concat")):
            checkpoint = rg_unit.load_checkpoint(RUN / f"stage{stage}.safetensors")
            self.assertEqual((checkpoint.stage, len(checkpoint.modules())), (f"stage{stage}", parts))
            self.assertIn("content.in.weight", checkpoint.modules().state_dict())
        with self.assertRaises(rg_unit.Error) as caught:
            rg_unit.load_checkpoint(RUN / "stage1.safetensors").embed(self.images)
        self.assertIn("stage1 has no retrieval net", str(caught.exception))

    def test_another_file_is_refused(self):
        content = bytearray((RUN / "stage1.safetensors").read_bytes())
        content[8 + int.from_bytes(content[:8], "little")] ^= 1  # of the first tensor
        (RUN / "damaged.safetensors").write_bytes(content)
        with self.assertRaises(rg_unit.Error) as caught:
            rg_unit.checkpoint.File(RUN / "damaged.safetensors").read("content.in.weight")
        self.assertIn("tensor content.in.weight differs from its checksum", str(caught.exception))
        for name, sentence in ("classifier", "a checkpoint of classifier, needed is one of stage1"), ("none", "no such checkpoint; rg-ctl train"):
            with self.assertRaises(rg_unit.Error) as caught:
                rg_unit.load_checkpoint(RUN / f"{name}.safetensors")
            self.assertIn(sentence, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
