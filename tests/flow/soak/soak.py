"""The soak: good clients beside attackers while services are killed.  soak.py RUN CONFIG KEYS PORT MINUTES FACE...

RUN is the run directory, CONFIG the file with the endpoints, KEYS the folder of keys, PORT the gateway's. Phases:
  idle     good clients alone: their times and the memory of the services are what the rest is compared with
  KIND     the attackers of this kind beside them, one kind after the other: the peak of memory is this kind's
  all      all attackers at once, while services are killed at random
  end      the clients finish what they have begun; then the ledger is compared with the set
Exit code 1 if an acknowledged image is lost or back, an answer was wrong, a service ended by itself or did not give
back its memory, or an attacker's request was accepted.
"""
import asyncio
import collections
import json
import os
import pathlib
import random
import re
import signal
import sys
import time

import zmq.asyncio

import attackers
import clients
from ledger import Ledger, State
from system import System

SHARE = {"idle": 0.15, "kinds": 0.45, "all": 0.4}  # of the time
ONE_BY_ONE_S = 1  # at least, for each kind
GROWN = 1.2  # most memory after the attacks, relative to before,
KEPT_MIB = 64  # and what glibc keeps at the top of the heaps of threads (M_TRIM_THRESHOLD, common/core/alloc.c)
YOUNG_S = 5.5  # the supervisor waits longer and longer if a service ends again within 5 s of its start
PATIENCE_S = 90


class Services:
    """The processes that the supervisor runs, by its file RUN/rg.services."""

    def __init__(self, run):
        self.file = pathlib.Path(run) / "rg.services"
        self.last, self.since = {}, {}  # the last pid of each service; when a pid was seen first
        self.killed, self.crashes = set(), collections.Counter()

    def entries(self):
        """pid, or 0, and text by service. Notes services that ended without having been killed here."""
        lines = [line.split(" ", 2) for line in self.file.read_text().splitlines()]
        entries = {line[0]: (int(line[1]), line[2]) for line in lines if len(line) == 3}
        for name, (pid, text) in entries.items():
            last = self.last.get(name)
            if last and pid != last:
                self.crashes.update([] if last in self.killed else [text if not pid else f"the {name} has ended"])
                del self.last[name]
            if pid:
                self.last[name] = pid
                self.since.setdefault(pid, time.monotonic())
        return entries

    def ready(self):
        """The pids of services that are ready."""
        return {name: pid for name, (pid, text) in self.entries().items()
                if pid and pid not in self.killed and text.startswith("ready")}

    async def watch(self):
        while True:
            self.entries()
            await asyncio.sleep(0.2)

    async def until_ready(self):
        end = time.monotonic() + PATIENCE_S
        while len(self.ready()) < len(self.entries()):
            if time.monotonic() > end:
                sys.exit(f"not all services are ready after {PATIENCE_S} s: {self.entries()}")
            await asyncio.sleep(0.1)

    async def kill(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            old = [pid for pid in self.ready().values() if time.monotonic() - self.since[pid] > YOUNG_S]
            if old:
                pid = random.choice(old)
                self.killed.add(pid)
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(random.uniform(0.1, 1))

    def memory_mib(self, key):
        """VmRSS, or VmHWM: the peak since forget_peaks."""
        return {name: int(re.search(rf"{key}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024
                for name, pid in self.ready().items()}

    def forget_peaks(self):
        for pid in self.ready().values():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class Soak:
    def __init__(self, run, config, keys, port, minutes, faces):
        endpoints = dict(re.findall(r"^  (\w+): (tcp://\S+)$", pathlib.Path(config).read_text(), re.M))
        self.services, self.ledger, self.seconds = Services(run), Ledger(), 60 * minutes
        self.target = json.dumps({"endpoints": endpoints, "port": port, "keys": keys})
        self.system = System(zmq.asyncio.Context(), endpoints, port, keys, faces, self.ledger)
        self.kinds = [kind.__name__ for kind in attackers.KINDS]
        self.rows, self.failures = [], []

    async def attack(self, kind, seconds):
        script = pathlib.Path(attackers.__file__)
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, kind, str(seconds), self.target, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        if process.returncode:
            sys.exit(f"the attacker {kind} failed with {process.returncode}")
        cost = json.loads(output)
        self.fail_if(cost["accepted"], f"{kind}: {cost['accepted']} hostile requests were not refused")
        return cost

    def fail_if(self, wrong, sentence):
        if wrong:
            self.failures.append(sentence)

    # ---- phases
    async def be_idle(self):
        self.system.phase = "idle"
        await asyncio.sleep(SHARE["idle"] * self.seconds)
        self.memory = self.services.memory_mib("VmRSS")

    async def attack_one_by_one(self):
        seconds = max(ONE_BY_ONE_S, SHARE["kinds"] * self.seconds / len(self.kinds))
        for kind in self.kinds:
            self.system.phase = kind
            before = self.services.memory_mib("VmRSS")
            self.services.forget_peaks()
            cost = await self.attack(kind, seconds)
            peak = self.services.memory_mib("VmHWM")
            grown = max(peak[name] - before[name] for name in before if name in peak)
            self.rows.append((kind, cost, grown))
        await self.wait_for_memory()

    async def wait_for_memory(self):
        """What an attack made a service hold is given back."""
        self.system.phase = "after"
        end = time.monotonic() + PATIENCE_S
        while True:
            self.after = self.services.memory_mib("VmRSS")
            kept = [name for name, mib in self.after.items() if mib > GROWN * self.memory[name] + KEPT_MIB]
            if not kept or time.monotonic() > end:
                break
            await asyncio.sleep(0.5)
        self.fail_if(kept and not os.environ.get("RG_SANITIZED"), f"memory is not given back: {', '.join(kept)}")

    async def attack_and_kill(self):
        self.system.phase = "all"
        seconds = SHARE["all"] * self.seconds
        await asyncio.gather(self.services.kill(seconds), *(self.attack(kind, seconds) for kind in self.kinds))
        await self.services.until_ready()

    async def finish(self, tasks):
        self.system.stopped = True
        _, open_tasks = await asyncio.wait(tasks, timeout=PATIENCE_S)
        self.fail_if(open_tasks, f"{len(open_tasks)} good clients got no answer for {PATIENCE_S} s")
        for task in tasks:
            if task.done() and task.exception():
                raise task.exception()
        self.stored = await self.system.list_all(self.system.link("retrieval"))
        self.lost, self.back = self.ledger.check_end(self.stored)
        self.fail_if(self.lost, f"{self.lost} acknowledged images are lost")
        self.fail_if(self.back, f"{self.back} removed images are back")
        for sentence, count in (self.services.crashes + self.ledger.wrong).items():
            self.fail_if(True, f"{count} times: {sentence}")

    async def run(self):
        await self.services.until_ready()
        watching = asyncio.create_task(self.services.watch())
        await self.system.learn()
        tasks = [asyncio.create_task(client.live()) for client in clients.make(self.system)]
        await self.be_idle()
        await self.attack_one_by_one()
        await self.attack_and_kill()
        await self.finish(tasks)
        watching.cancel()
        self.print_report(len(tasks))
        return 1 if self.failures else 0

    # ---- report
    def print_report(self, count):
        print(f"{'attacker':<12}{'connections':>12}{'MiB sent':>10}{'answers':>9}{'peak MiB':>10}{'p99 ms':>8}")
        for kind, cost, grown in [("", None, 0), *self.rows]:
            phase, cost = kind or "idle", cost or dict.fromkeys(("connections", "bytes", "answers"), 0)
            print(f"{phase:<12}{cost['connections']:>12}{cost['bytes'] / 2**20:>10.1f}{cost['answers']:>9}"
                  f"{grown:>+10.1f}{self.system.p99_ms(phase):>8.0f}")
        print(f"{'all, kills':<12}{'':>41}{self.system.p99_ms('all'):>8.0f}")
        for name, mib in self.after.items():
            print(f"memory of {name}: {self.memory[name]:.1f} MiB before, {mib:.1f} MiB after the attacks")
        print("compared:", ", ".join(f"{n} {kind}" for kind, n in sorted(self.ledger.compared.items())))
        print("repeated:", ", ".join(f"{n} x {why}" for why, n in self.system.again.most_common(8)) or "nothing")
        print(f"{count} good clients, {len(self.services.killed)} kills, {len(self.stored)} images at the end, "
              f"{self.ledger.count(State.ADDING) + self.ledger.count(State.REMOVING)} of unknown state")
        for sentence in self.failures:
            print(f"FAIL: {sentence}", file=sys.stderr)


def main():
    run, config, keys, port, minutes, *faces = sys.argv[1:]
    sys.exit(asyncio.run(Soak(run, config, keys, int(port), float(minutes), faces).run()))


main()
