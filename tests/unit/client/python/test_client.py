"""Requests that the client builds, replies that it reads, and arguments that never leave."""
import os
import pathlib
import tempfile

import numpy as np
import PIL.Image

import rg_unit
from fails import Case
from rg_unit.proto import control_pb2, encode_pb2, ingest_pb2, search_pb2
from service import DROP, reply, running

SETTINGS = {"data.img_size": "4", "data.crop": "0", "data.attributes": "[Blond, Black, Young]",
            "data.exclusive": "[Blond, Black]"}
KEY = bytes(range(16))
MODEL = rg_unit.Model("m", 2, (1, 1, 3))


def neighbour(i, **fields):
    return search_pb2.Neighbour(id=bytes(15) + bytes([i]), name=f"{i}.jpg", dist_l2sq=i, **fields)


class TestClient(Case):
    """One fake service answers in place of all; its status is what each client call asks for first."""

    def setUp(self):
        self.service = self.enterContext(running())
        endpoint = self.service.endpoint
        self.client = self.enterContext(rg_unit.Client(retrieval=endpoint, encoder=endpoint, loader=endpoint))
        plain = self.service._status

        def status(request):
            envelope, arrays = plain(request)
            body = envelope.status_reply
            body.settings.extend(control_pb2.Setting(key=key, value=value) for key, value in SETTINGS.items())
            if request.envelope.status_request.settings:  # only the encoder is asked for them
                body.service = "encoder"
            return envelope, arrays

        self.service._status = status

    def test_a_search_sends_its_filter_and_effort(self):
        arrays = {"features": np.ones((4, 1, 1, 3), "<f2"), **{str(i): np.array([7 + i], "u1") for i in range(3)}}
        neighbours = [neighbour(1), neighbour(2), neighbour(3, annotated=True), search_pb2.Neighbour()]
        self.service.answer(reply("search_reply", arrays, generation=5, images=3, neighbours=neighbours))
        narrow = rg_unit.Filter("album/", False, 5, 6, [KEY])
        found = self.client.search_embeddings([[1, 2], [3, 4]], 2, model="m", exclude=[KEY, KEY.hex()], filter=narrow, features=True,
                                              thumbnails=True, nprobe=7, ef_search=8)
        sent = self.service.requests[0]
        body = sent.envelope.search_request
        self.assertEqual((body.model, body.k, body.features, body.thumbnails, body.nprobe, body.ef_search), ("m", 2, True, True, 7, 8))
        self.assertEqual(body.filter, search_pb2.Filter(name_prefix="album/", annotation=search_pb2.UNANNOTATED, added_from_ms=5,
                                                        added_until_ms=6, exclude=[KEY]))
        np.testing.assert_array_equal(sent.arrays["queries"], np.array([[1, 2], [3, 4]], "f4"))
        np.testing.assert_array_equal(sent.arrays["exclude"], np.frombuffer(2 * KEY, "u1").reshape(2, 16))
        self.assertEqual((found.generation, found.size), (5, 3))
        self.assertEqual([[image.name for image in images] for images in found.images], [["1.jpg", "2.jpg"], ["3.jpg"]])
        np.testing.assert_array_equal(found.distances, np.array([[1, 2], [3, np.inf]], "f4"))
        self.assertEqual((found.features.shape, found.images[1][0].jpeg, found.images[1][0].annotated), ((2, 2, 1, 1, 3), b"\x09", True))

    def test_a_search_by_image_sends_pixels_and_all_exclusive_attributes(self):
        self.service.answer(reply("search_reply", neighbours=[neighbour(1)]))
        picture = PIL.Image.new("RGB", (4, 4), (1, 2, 3))
        self.assertEqual(len(self.client.search(picture, {"Black": 1, "Young": 0}, k=1).images[0]), 1)
        sent = self.service.requests[0]
        edits = [(edit.attribute, edit.value) for edit in sent.envelope.find_request.edits]
        self.assertEqual(edits, [("Blond", False), ("Black", True), ("Young", False)])
        np.testing.assert_array_equal(sent.arrays["pixels"], np.full((1, 4, 4, 3), (1, 2, 3), "u1"))

    def test_attributes_that_do_not_fit_never_leave(self):
        pixels = np.zeros((1, 4, 4, 3), "u1")
        for wanted, sentence in (
            ({"Red": 1}, "Red: no such attribute; choose from Blond, Black, Young"),
            ({"Young": 2}, "expected 0 or 1"),
            ({"Blond": 1, "Black": 1}, "Blond and Black cannot both be 1"),
        ):
            self.fails(rg_unit.Code.EINVAL, sentence, self.client.search, pixels, wanted)
        self.assertEqual(self.service.requests, [])

    def test_many_images_are_embedded_and_translated_in_parts(self):
        n = 70
        for part in 64, 6:
            self.service.answer(reply("embed_reply", {"embeddings": np.full((part, 2), part, "<f4")}, model="m"))
        pixels = np.zeros((n, 4, 4, 3), "u1")
        embeddings = self.client.embed(pixels)
        self.assertEqual((embeddings.model, embeddings.values.shape, embeddings.values[-1, 0]), ("m", (n, 2), 6))
        for part in 64, 6:
            self.service.answer(reply("translate_reply", {"pixels": np.full((2 * part, 4, 4, 3), part, "u1")}, stage="stage3", generation=4,
                                      neighbours=2 * part * [neighbour(1)]))
        found = self.client.translate(pixels, {"Young": 1}, samples=2, seed=9, guided=False)
        self.assertEqual((found.stage, found.generation, found.pixels.shape), ("stage3", 4, (n, 2, 4, 4, 3)))
        self.assertEqual((len(found.neighbours), found.neighbours[69][1][0].name, found.image(69, 1).getpixel((0, 0))), (n, "1.jpg", (6, 6, 6)))
        body = self.service.requests[-1].envelope.translate_request
        self.assertEqual((body.samples, body.seed, body.guidance), (2, 9, encode_pb2.NONE))

    def test_two_models_are_not_mixed(self):
        for model in "mn":
            self.service.answer(reply("embed_reply", {"embeddings": np.zeros((64, 2), "<f4")}, model=model))
        self.fails(rg_unit.Code.EMODEL, "call again", self.client.embed, np.zeros((128, 4, 4, 3), "u1"))

    def test_files_are_added_in_batches_and_each_has_its_outcome(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / f"{i}.jpg" for i in range(20)]
            for i, path in enumerate(paths):
                path.write_bytes(b"" if i == 3 else bytes([i]))
            paths[5].unlink()
            for first, count in (0, 14), (14, 4):
                self.service.answer(reply("ingest_reply", outcomes=[ingest_pb2.Outcome(fate=ingest_pb2.ADDED) for _ in range(count)]))
            outcomes = self.client.add(paths, annotated=True)
        self.assertEqual([outcome.fate.name for i, outcome in enumerate(outcomes) if i not in (3, 5)], 18 * ["ADDED"])
        self.assertEqual([outcomes[3].reason, outcomes[5].reason], ["an empty file", f"{paths[5]}: no such file"])
        items = self.service.requests[1].envelope.ingest_request.items
        self.assertEqual([item.name for item in items], [str(path) for path in paths[16:]])
        self.assertTrue(items[0].annotated and self.service.requests[1].envelope.ingest_request.asked_us > 1.6e15)
        self.assertEqual(self.service.requests[1].arrays["0"].tobytes(), b"\x10")

    def test_the_file_that_ends_the_loader_is_found(self):
        self.service.uptime_s = 0
        added = reply("ingest_reply", outcomes=[ingest_pb2.Outcome(name="good", fate=ingest_pb2.ADDED)])
        self.service.answer(DROP, DROP, added, DROP, DROP, added)
        outcomes = self.client.add([b"good", b"bad", b"too"], names=["a", "b", "c"])
        self.assertEqual([outcome.fate.name for outcome in outcomes], ["ADDED", "REFUSED", "ADDED"])
        self.assertIn("broke twice", outcomes[1].reason)

    def test_own_embeddings_are_added_with_all_that_belongs_to_them(self):
        self.service.answer(reply("model_reply", missing=4), reply("ingest_reply", outcomes=[
            ingest_pb2.Outcome(name="a", id=KEY, fate=ingest_pb2.DUPLICATE), ingest_pb2.Outcome(fate=ingest_pb2.REFUSED, reason="just so")]))
        self.assertEqual(self.client.use_model(MODEL), 4)
        name = os.fsdecode(b"caf\xe9")
        outcomes = self.client.add_embeddings(MODEL, [name, "b"], [[1, 2], [3, 4]], [b"J", b"K"], ids=[KEY, KEY])
        self.assertEqual([(o.fate, o.reason) for o in outcomes], [(rg_unit.Fate.DUPLICATE, ""), (rg_unit.Fate.REFUSED, "just so")])
        announced, sent = self.service.requests
        self.assertEqual(list(announced.envelope.model_request.features_shape), [1, 1, 3])
        self.assertEqual([(item.name, item.id) for item in sent.envelope.add_request.items], [("caf%E9", KEY), ("b", KEY)])
        self.assertEqual((sent.arrays["features"].shape, sent.arrays["1"].tobytes()), ((2, 1, 1, 3), b"K"))

    def test_a_list_is_read_page_by_page(self):
        listed = [search_pb2.Listed(id=KEY, name=str(i), added_ms=1500) for i in range(3)]
        self.service.answer(reply("list_reply", {"embeddings": np.ones((2, 2), "<f4")}, images=listed[:2], next=9),
                            reply("list_reply", {"embeddings": np.ones((1, 2), "<f4")}, images=listed[2:]))
        found = list(self.client.list(embeddings=True))
        self.assertEqual([image.name for image in found], ["0", "1", "2"])
        self.assertEqual((found[2].embedding.tolist(), found[0].added.isoformat()), ([1, 1], "1970-01-01T00:00:01.500000+00:00"))
        self.assertEqual(getattr(self.service.requests[1].envelope.list_request, "from"), 9)

    def test_images_are_listed_by_their_ids(self):
        self.service.answer(reply("list_reply", images=[search_pb2.Listed(id=KEY)], next=60), reply("list_reply"), reply("list_reply"))
        self.assertEqual(len(list(self.client.list(ids=200 * [KEY]))), 1)
        self.assertEqual([len(request.envelope.list_request.ids) for request in self.service.requests], [100, 100, 40])
        self.assertEqual(list(self.client.list(ids=[])), [])

    def test_a_reply_that_does_not_fit_is_an_error(self):
        one = np.zeros((1, 4, 4, 3), "u1")
        self.service.answer(reply("search_reply"), reply("search_reply", neighbours=[search_pb2.Neighbour(id=b"short")]),
                            reply("search_reply", neighbours=[neighbour(1)]), reply("ingest_reply"), reply("list_reply", images=[search_pb2.Listed(id=KEY)]),
                            reply("translate_reply"), reply("embed_reply", {"embeddings": np.zeros((2, 2), "<f4")}))
        query = np.zeros((1, 2), "f4")
        self.fails(rg_unit.Code.EFORMAT, "0 neighbours for 1 queries", self.client.search_embeddings, query, 1, model="m")
        self.fails(rg_unit.Code.EFORMAT, "an id of 5 bytes", self.client.search_embeddings, query, 1, model="m")
        self.fails(rg_unit.Code.ESHAPE, "no array 'features'", self.client.search_embeddings, query, 1, model="m", features=True)
        self.fails(rg_unit.Code.EFORMAT, "0 outcomes of 1 images", self.client.add, [b"x"])
        self.fails(rg_unit.Code.ESHAPE, "no array 'embeddings'", lambda: list(self.client.list(embeddings=True)))
        self.fails(rg_unit.Code.ESHAPE, "no array 'pixels'", self.client.translate, one, {})
        self.fails(rg_unit.Code.ESHAPE, "(2, 2)", self.client.embed, one)

    def test_bad_arguments_never_leave(self):
        query, code = np.zeros((1, 2), "f4"), rg_unit.Code
        self.fails(code.EINVAL, "model is missing", self.client.search_embeddings, query)
        self.fails(code.EINVAL, "k is 0", self.client.search_embeddings, query, 0, model="m")
        self.fails(code.EINVAL, "embeddings is empty", self.client.search_embeddings, np.zeros((0, 2)), model="m")
        self.fails(code.EINVAL, "embeddings: not an array", self.client.search_embeddings, ["x"], model="m")
        self.fails(code.ESHAPE, "[1, 1, 2], needed is [any,any]", self.client.search_embeddings, np.zeros((1, 1, 2)), model="m")
        self.fails(code.ESHAPE, "exclude has the shape [2, 16], needed is [1,any]", self.client.search_embeddings, query, model="m", exclude=2 * [KEY])
        self.fails(code.EINVAL, "is not an id", self.client.remove, "xyz")
        self.fails(code.EINVAL, "is not an id", self.client.remove, [b"short"])
        self.fails(code.EINVAL, "fewer than pictures", self.client.add, [b"a", b"b"], names=["a"])
        self.fails(code.ELIMIT, "1 to 254", self.client.add_embeddings, MODEL, [], np.zeros((0, 2)), [])
        self.fails(code.ESHAPE, "1 names came with 2 thumbnails", self.client.add_embeddings, MODEL, ["a"], np.zeros((1, 2)), [b"J", b"K"])
        self.fails(code.ESHAPE, "embeddings has the shape [1, 3], needed is [1,2]", self.client.add_embeddings, MODEL, ["a"], np.zeros((1, 3)), [b"J"])
        self.fails(code.ESHAPE, "2 references of 1 images", self.client.translate, np.zeros((1, 4, 4, 3), "u1"), {}, references=np.zeros((2, 4, 4, 3), "u1"))
        self.fails(code.ELIMIT, "samples is 0", self.client.translate, np.zeros((1, 4, 4, 3), "u1"), {}, 0)
        self.fails(code.EINVAL, "'store' is not a service", self.client.status, "store")
        self.fails(code.EINVAL, "this endpoint is the retrieval, not the loader", self.client.status, "loader")
        self.fails(code.EINVAL, "this needs the trainer", self.client.status, "trainer")
        self.assertEqual(self.service.requests, [])


class TestOpening(Case):
    def test_endpoints_that_cannot_be_are_refused(self):
        config = rg_unit.Code.ECONFIG
        for endpoint, sentence in (
            ("ipc://", "has no path"),
            ("ipc://" + 108 * "x", "too long for a socket"),
            ("http://x", "begins with ipc:// or tcp://"),
            ("tcp://x", "has no port"),
            ("tcp://x:0", "'0' is not a port"),
            ("tcp://x:70000", "not a port"),
            ("tcp://::1:9", "in brackets"),
            ("tcp://[zz]:9", "'zz' is not an IPv6 address"),
            ("tcp://10.0.0.1:9", "beyond loopback"),
            ("tcp://name:9", "beyond loopback"),
        ):
            self.fails(config, sentence, rg_unit.Client, retrieval=endpoint)
        for endpoint in "tcp://127.1.2.3:9", "tcp://[::1]:9", "tcp://localhost:9", "ipc://x":
            rg_unit.Client(retrieval=endpoint).close()

    def test_options_that_cannot_be_are_refused(self):
        self.fails(rg_unit.Code.EINVAL, "timeout_s is 0", rg_unit.Client, retrieval="ipc://x", timeout_s=0)
        self.fails(rg_unit.Code.EINVAL, "message_max_mib is 2048", rg_unit.Client, retrieval="ipc://x", message_max_mib=2048)
        os.environ.pop("RG_CONFIG", None)
        self.fails(rg_unit.Code.ECONFIG, "where are the services?", rg_unit.Client)

    def test_an_error_can_be_sent_between_processes(self):
        import pickle

        error = pickle.loads(pickle.dumps(rg_unit.Error(rg_unit.Code.EFULL, "no space")))
        self.assertEqual((error.code, str(error)), (rg_unit.Code.EFULL, "no space"))
