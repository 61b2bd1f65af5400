"""The life of a request: sent again after a break, postponed, overdue, a suspect."""
import os
import threading
import time

import rg_unit
from fails import Case
from rg_unit.proto import search_pb2
from service import DROP, error, reply, running

LISTED = search_pb2.Listed(id=bytes(16), name="a.jpg")


def listing():
    return reply("list_reply", images=[LISTED], model="m")


class TestLink(Case):
    def setUp(self):
        self.service = self.enterContext(running())
        self.client = self.enterContext(rg_unit.Client(retrieval=self.service.endpoint))

    def names(self):
        return [image.name for image in self.client.list()]

    def test_a_request_is_sent_again_after_a_break(self):
        self.service.answer(DROP, listing())
        self.assertEqual(self.names(), ["a.jpg"])
        first, second = self.service.requests
        self.assertEqual(first.envelope, second.envelope)

    def test_a_request_that_ends_the_service_twice_is_not_sent_again(self):
        self.service.uptime_s = 0  # it was started after the request was sent
        self.service.answer(DROP, DROP, listing())
        self.fails(rg_unit.Code.ECRASH, "broke twice", self.names)
        self.assertEqual(len(self.service.requests), 2)
        self.assertEqual(self.names(), ["a.jpg"])  # another request is

    def test_breaks_that_the_service_outlives_are_no_suspicion(self):
        self.service.answer(DROP, DROP, DROP, listing())
        self.assertEqual(self.names(), ["a.jpg"])

    def test_a_busy_service_is_asked_again(self):
        self.service.answer(error(-12, "loading, 34 %", again_ms=1), error(-12, "loading, 99 %", again_ms=1), listing())
        self.assertEqual(self.names(), ["a.jpg"])

    def hurry(self, timeout_s):
        """From now on, when the client is connected, it waits no longer than this."""
        self.client.status()
        self.client._timeout_s = timeout_s

    def test_an_overdue_request_says_what_the_service_said_last(self):
        self.service.answer(error(-12, "loading, 34 %", again_ms=9000))
        self.hurry(2)
        self.fails(rg_unit.Code.ETIMEOUT, "loading, 34 %", self.names)

    def test_an_overdue_request_names_endpoint_and_remedy(self):
        with rg_unit.Client(retrieval="ipc:///nowhere/retrieval.ipc", timeout_s=0.01) as client:
            self.fails(rg_unit.Code.ETIMEOUT, "retrieval (ipc:///nowhere/retrieval.ipc): no answer within 0.01 s: is it running? "
                       "(rg-ctl up starts it)", client.status)

    def test_the_answer_to_an_overdue_request_is_dropped(self):
        answered = threading.Event()
        late = lambda request: (answered.wait(), reply("remove_reply", removed=9)(request))[1]
        self.service.answer(late, listing())
        self.hurry(0.05)
        self.fails(rg_unit.Code.ETIMEOUT, "at work", self.client.remove, bytes(16))
        self.client._timeout_s = 30
        answered.set()
        self.assertEqual(self.names(), ["a.jpg"])

    def test_a_service_may_start_later(self):
        endpoint, found = self.service.endpoint + "2", []
        with rg_unit.Client(retrieval=endpoint) as client:
            asking = threading.Thread(target=lambda: found.append(client.status().images))
            asking.start()
            with running(endpoint):
                asking.join()
        self.assertEqual(found, [3])

    def test_errors_of_the_service_have_its_sentence(self):
        self.service.answer(error(-9, "the set has model m"), error(-99, "what?"))
        self.fails(rg_unit.Code.EMODEL, "retrieval: the set has model m", self.names)
        self.fails(rg_unit.Code.EREMOTE, "retrieval: what?", self.names)

    def test_a_strange_reply_is_an_error(self):
        def of_version(version):
            def make(request):
                envelope = listing()(request)[0]
                envelope.version, envelope.id = version, request.envelope.id
                return [envelope.SerializeToString()]
            return make

        self.service.answer(of_version(2), reply("remove_reply"), lambda request: [b"\xff"], listing())
        self.fails(rg_unit.Code.EVERSION, "retrieval: bad reply: message version 2", self.names)
        self.fails(rg_unit.Code.EFORMAT, "another kind (remove_reply, not list_reply)", self.names)
        self.hurry(0.05)
        self.fails(rg_unit.Code.ETIMEOUT, "", self.names)  # nobody knows whose reply that was
        self.client._timeout_s = 30
        self.assertEqual(self.names(), ["a.jpg"])

    def test_threads_take_turns(self):
        self.service.answer(*8 * [listing()])
        found = []
        threads = [threading.Thread(target=lambda: found.extend(self.names())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, 8 * ["a.jpg"])

    def test_waiting_takes_no_processor_time(self):
        with rg_unit.Client(retrieval="ipc:///nowhere/retrieval.ipc", timeout_s=1) as client:
            before = time.thread_time()
            self.fails(rg_unit.Code.ETIMEOUT, "", client.status)
            self.assertLess(time.thread_time() - before, 0.5)  # a loop that polls would need all of it

    def test_a_closed_or_forked_client_says_so(self):
        self.client.close()
        self.client.close()
        self.fails(rg_unit.Code.EINVAL, "closed", self.client.status)
        with rg_unit.Client(retrieval=self.service.endpoint) as client:
            client.status()
            client._links["retrieval"]._process = os.getpid() + 1
            self.fails(rg_unit.Code.EINVAL, "fork", client.status)

    def test_a_host_name_leads_to_its_addresses(self):
        with rg_unit.Client(retrieval="tcp://no-such-host.invalid:9", insecure=True, timeout_s=1) as client:
            self.fails(rg_unit.Code.ETIMEOUT, "no-such-host.invalid: ", client.status)
        with running("tcp://127.0.0.1:*") as service:
            port = service.endpoint.rpartition(":")[2]
            with rg_unit.Client(retrieval=f"tcp://localhost:{port}") as client:
                self.assertEqual(client.status().images, 3)
