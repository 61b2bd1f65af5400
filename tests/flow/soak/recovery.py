"""How a service comes back after kill -9: times in ms since the kill.

  started  the supervisor has started the next process
  answers  that process answers a new client's request for its status; the gateway, one to /healthz
  ready    it says that it is ready
  clients  the last of the good clients' operations that were open at the kill has ended
"""
import asyncio
import collections
import statistics
import time

from messages import pb

LIMIT_S, LOOK_S = 60, 0.005
Recovery = collections.namedtuple("Recovery", ("service", "moment", "started", "answers", "ready"))


async def until_started(services, name, old):
    while services.entries()[name][0] in (0, old):
        await asyncio.sleep(LOOK_S)
    return time.monotonic()


async def ask_state(link):
    request = pb.Envelope()
    request.status_request.SetInParent()
    status = (await link.ask(request))[0].status_reply
    return status.pid, status.state


async def ask_gateway(port):
    """Its answer to /healthz as a state; None: it does not answer."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return "ready" if b" 200 " in answer else "loading" if answer else None
    except OSError:
        return None


async def until_ready(system, name, old):
    """The moments of the first answer of the next process, and of the first that says ready."""
    link = system.link(name) if name in system.endpoints else None
    answered = None
    while True:
        if link:
            pid, state = await ask_state(link)
            state = state if pid != old else None
        else:
            state = await ask_gateway(system.port)
        answered = answered or (state and time.monotonic())
        if state == "ready":
            return answered, time.monotonic()
        await asyncio.sleep(LOOK_S)


async def follow(system, services, name, old, moment):
    """Waits until the service is ready again."""
    started, (answered, ready) = await asyncio.wait_for(
        asyncio.gather(until_started(services, name, old), until_ready(system, name, old)), LIMIT_S)
    return Recovery(name, moment, *(1000 * (end - moment) for end in (started, answered, ready)))


def print_table(recoveries, system):
    """Medians by service; of the clients, the longest."""
    print(f"{'killed':<12}{'kills':>7}{'started ms':>12}{'answers ms':>12}{'ready ms':>10}{'clients ms':>12}")
    for name in sorted({recovery.service for recovery in recoveries}):
        own = [recovery for recovery in recoveries if recovery.service == name]
        times = [statistics.median(getattr(r, key) for r in own) for key in ("started", "answers", "ready")]
        longest = 1000 * max(system.longest_wait(r.moment) for r in own)
        print(f"{name:<12}{len(own):>7}{times[0]:>12.0f}{times[1]:>12.0f}{times[2]:>10.0f}{longest:>12.0f}")
