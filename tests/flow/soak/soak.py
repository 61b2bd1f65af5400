"""The soak: good clients beside attackers while services are killed.  soak.py RUN CONFIG KEYS PORT MINUTES FACE...

RUN is the run directory, CONFIG the file with the endpoints, KEYS the folder of keys, PORT the gateway's. Phases:
  warm-up  until each good client has ended an operation; it is not counted
  idle     good clients alone: their times and the memory of the services are what the rest is compared with
  KIND     the attackers of this kind beside them, one kind after the other: the peak of memory is this kind's
  after    until the services have given their memory back
  kills    good clients alone, while a service is killed every few seconds: how long each needs until it works again
  all      all attackers at once, while services are killed in the same way
  end      the clients finish what they have begun; then the ledger is compared with the set
Exit code 1 if an acknowledged image is lost or back, an answer was wrong, a service ended by itself or did not give
back its memory, or an attacker's request was accepted; in a soak that is long enough, also if 1 % of the operations
beside a kind of attackers took more than five times as long as when idle.
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
import recovery
from ledger import Ledger
from system import PATIENCE_S, System

SHARE = {"idle": 0.15, "kinds": 0.45, "kills": 0.2, "all": 0.2}  # of the time
ONE_BY_ONE_S = 1  # at least, for each kind
SLOWER = 5  # most p99 beside attackers, relative to idle,
ENOUGH = 300  # if there are so many operations
KILLS, KILL_EVERY_S = 6, 10  # at least as many in a phase; otherwise one in this time
GROWN = 1.2  # most memory after the attacks, relative to before,
ADDED_MIB = 2  # and for images that good clients have added meanwhile
LOWEST = ("nice", "-n", "19")  # attackers are on other machines: here they take no processor from services and clients
YOUNG_S = 5.5  # the supervisor waits longer and longer if a service ends again within 5 s of its start


class Services:
    """The processes that the supervisor runs, by its file RUN/rg.services."""

    def __init__(self, run):
        self.file = pathlib.Path(run) / "rg.services"
        self.last, self.since = {}, {}  # the last pid of each service; when a pid was seen first
        self.killed, self.kills, self.crashes = set(), collections.Counter(), collections.Counter()

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

    def choose_victim(self):
        """A service that is ready and not young, of those that were killed least often; None: there is none."""
        old = {name: pid for name, pid in self.ready().items() if time.monotonic() - self.since[pid] > YOUNG_S}
        return min(old.items(), key=lambda item: (self.kills[item[0]], random.random()), default=None)

    def kill(self, name, pid):
        self.killed.add(pid)
        self.kills[name] += 1
        os.kill(pid, signal.SIGKILL)

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
        self.system = System(zmq.asyncio.Context(), endpoints, faces, self.ledger, port, keys)
        self.kinds = [kind.__name__ for kind in attackers.KINDS]
        self.rows, self.failures, self.recoveries, self.every_s = [], [], [], KILL_EVERY_S

    async def attack(self, kind, seconds):
        script = pathlib.Path(attackers.__file__)
        process = await asyncio.create_subprocess_exec(
            *LOWEST, sys.executable, script, kind, str(seconds), self.target, stdout=asyncio.subprocess.PIPE)
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
    async def warm_up(self, members):
        end = time.monotonic() + PATIENCE_S
        while min(member.done for member in members) == 0 and time.monotonic() < end:
            await asyncio.sleep(0.1)

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
            kept = [name for name, mib in self.after.items() if mib > GROWN * self.memory[name] + ADDED_MIB]
            if not kept or time.monotonic() > end:
                break
            await asyncio.sleep(0.5)
        self.fail_if(kept and not os.environ.get("RG_SANITIZED"), f"memory is not given back: {', '.join(kept)}")

    async def kill_often(self, seconds):
        """Kills until the time is over, and notes how each service came back."""
        end, self.every_s = time.monotonic() + seconds, min(KILL_EVERY_S, seconds / KILLS)
        while time.monotonic() < end:
            pause, victim = asyncio.sleep(self.every_s * random.uniform(0.5, 1.5)), self.services.choose_victim()
            if victim:
                moment = time.monotonic()
                self.services.kill(*victim)
                self.recoveries.append(await recovery.follow(self.system, self.services, *victim, moment))
            await pause

    async def kill_alone(self):
        self.system.phase = "kills"
        await self.kill_often(SHARE["kills"] * self.seconds)
        await self.services.until_ready()

    async def attack_and_kill(self):
        self.system.phase = "all"
        seconds = SHARE["all"] * self.seconds
        await asyncio.gather(self.kill_often(seconds), *(self.attack(kind, seconds) for kind in self.kinds))
        await self.services.until_ready()

    async def run(self):
        await self.services.until_ready()
        watching = asyncio.create_task(self.services.watch())
        await self.system.learn()
        members = clients.make(self.system)
        tasks = [asyncio.create_task(client.live()) for client in members]
        await self.warm_up(members)
        await self.be_idle()
        await self.attack_one_by_one()
        await self.kill_alone()
        await self.attack_and_kill()
        self.failures += await self.system.finish(tasks)
        self.failures += [f"{count} times: {sentence}" for sentence, count in self.services.crashes.items()]
        self.check_times()
        watching.cancel()
        self.print_report(len(tasks))
        return 1 if self.failures else 0

    def check_times(self):
        for kind in self.kinds:
            enough = min(self.system.count("idle"), self.system.count(kind)) >= ENOUGH
            p99, idle = self.system.p99_ms(kind), self.system.p99_ms("idle")
            self.fail_if(enough and p99 > SLOWER * idle, f"{kind}: p99 is {p99:.0f} ms, but {idle:.0f} ms when idle")

    # ---- report
    def show_p99(self, phase):
        p99, idle = self.system.p99_ms(phase), self.system.p99_ms("idle")
        return f"{self.system.count(phase):>12}{p99:>8.0f}{p99 / idle if idle else 0:>9.1f}"

    def print_report(self, count):
        print(f"{'attacker':<12}{'connections':>12}{'MiB sent':>10}{'answers':>9}{'peak MiB':>10}"
              f"{'operations':>12}{'p99 ms':>8}{'to idle':>9}")
        for kind, cost, grown in [("", None, 0), *self.rows]:
            phase, cost = kind or "idle", cost or dict.fromkeys(("connections", "bytes", "answers"), 0)
            print(f"{phase:<12}{cost['connections']:>12}{cost['bytes'] / 2**20:>10.1f}{cost['answers']:>9}"
                  f"{grown:>+10.1f}{self.show_p99(phase)}")
        for phase, name in (("kills", "none, kills"), ("all", "all, kills")):
            print(f"{name:<12}{'':>41}{self.show_p99(phase)}")
        recovery.print_table(self.recoveries, self.system)
        for name, mib in self.after.items():
            print(f"memory of {name}: {self.memory[name]:.1f} MiB before, {mib:.1f} MiB after the attacks")
        print(f"{len(self.services.killed)} kills, one every {self.every_s:.0f} s")
        self.system.print_comparison(count)
        for sentence in self.failures:
            print(f"FAIL: {sentence}", file=sys.stderr)


def main():
    run, config, keys, port, minutes, *faces = sys.argv[1:]
    sys.exit(asyncio.run(Soak(run, config, keys, int(port), float(minutes), faces).run()))


main()
