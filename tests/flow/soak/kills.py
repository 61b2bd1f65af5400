"""Many kills:  kills.py BIN CONFIG COUNT FACE...

Good clients add, remove, search and list, and another one has the index rebuilt, compacted and saved, while COUNT
processes are killed (kill -9) at random moments: the retrieval service, the encoder, the loader, or one of the rg-ctl
that use them. BIN is the folder of the executables. This program starts the services itself, and starts a killed one at
once, so several kills fit into a second. Most kills wait until
something has been acknowledged since the last one; the others may meet a service before it is ready.
After SIGTERM it kills no more, and compares.
Exit code 1 if an acknowledged image is lost or back, is there twice, or an answer was wrong.
"""
import asyncio
import json
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import time

import zmq.asyncio

import clients
from ledger import Ledger, State
from system import System

VICTIMS = {"retrieval": 3, "encoder": 3, "loader": 3, "ctl": 1}  # how often, relative to each other
MEMBERS = {"add and remove": 6, "add files": 4, "search": 2, "list": 1, "find": 1}
PAUSE_S = 0.02  # on average between two operations of a client
AT_ONCE = 0.2  # share of kills that wait for nothing
LONG_WAY = 0.1  # share of kills that wait for an operation through loader and encoder, too
QUIET_S = 300  # the longest wait for an acknowledgement
RESEND_MS = 300
LINES_EVERY = 500  # kills


def kill_process(process):
    """True: it was running. The method of asyncio would also collect its exit code, which others wait for."""
    try:
        os.kill(process.pid, signal.SIGKILL)
        return True
    except (AttributeError, ProcessLookupError):  # it is not started yet, or has ended
        return False


class Service:
    """A child process that is started again whenever it ends."""

    def __init__(self, command, log):
        self.command, self.log, self.process, self.killed = command, log, None, True
        self.crashes = 0

    async def live(self):
        while True:
            self.process = await asyncio.create_subprocess_exec(*self.command, stdout=self.log, stderr=self.log)
            self.killed = False
            await self.process.wait()
            self.crashes += not self.killed

    def kill(self):
        """False: it is not running, or is being started."""
        if self.killed or not kill_process(self.process):
            return False
        self.killed = True
        return True


class Command(clients.Sender):
    """Adds files with rg-ctl and removes them again. What a killed one has sent may arrive at any later time. But it is older
    than what a later one acknowledges, and does not undo that."""

    def __init__(self, system, seed, ctl, config):
        super().__init__(system, seed)
        self.ctl, self.config, self.process = ctl, config, None
        self.folder = tempfile.TemporaryDirectory()
        self.paths = [pathlib.Path(self.folder.name, key.hex() + ".jpg") for key in self.keys]
        for path, data in zip(self.paths, self.files):
            path.write_bytes(data)

    async def call(self, *words):
        """Its lines of output, also those before it was killed, and whether it succeeded."""
        self.process = await asyncio.create_subprocess_exec(
            self.ctl, *words, "--config", self.config, "--json", *self.paths,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        output, _ = await self.process.communicate()
        self.ledger.check(self.process.returncode != 2, "rg-ctl was used in a wrong way")
        lines = output.decode().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("}\n")], self.process.returncode == 0

    def change(self, keys, state, end):
        """Unless they have reached the end of that already."""
        for key in keys:
            if self.ledger.images[key].state is not end:
                self.ledger.change(key, state)

    async def run(self):
        await self.random.choice((self.add_all, self.remove_all))()

    async def add_all(self):
        self.change(self.keys, State.ADDING, State.PRESENT)
        lines, done = await self.call("add-images")
        added = [line["name"] for line in lines if line.get("fate") in ("added", "duplicate")]
        self.change([bytes.fromhex(pathlib.Path(name).stem) for name in added], State.PRESENT, State.PRESENT)
        self.ledger.check(len(added) == len(self.keys) or not done, "rg-ctl has not added all files")
        self.ledger.compared["rg-ctl add-images"] += done

    async def remove_all(self):
        self.change(self.keys, State.REMOVING, State.ABSENT)
        _, done = await self.call("remove")
        if done:
            self.change(self.keys, State.ABSENT, State.ABSENT)
        self.ledger.compared["rg-ctl remove"] += done

    def kill(self):
        return kill_process(self.process)


class Kills:
    def __init__(self, folder, config, count, faces):
        run = re.search(r"^run: (\S+)$", pathlib.Path(config).read_text(), re.M)[1]
        names = [name for name in VICTIMS if name != "ctl"]
        endpoints = {name: f"ipc://{run}/{name}.ipc" for name in names}
        self.ledger, self.count = Ledger(), count
        self.system = System(zmq.asyncio.Context(), endpoints, faces, self.ledger, resend_ms=RESEND_MS)
        self.log = open(f"{run}/logs/kills.log", "ab")
        self.services = {name: Service([f"{folder}/rg-{name}", "--config", config], self.log) for name in names}
        self.ctl, self.config = f"{folder}/rg-ctl", config
        self.killed, self.indexed = dict.fromkeys(VICTIMS, 0), 0

    def acknowledged(self, kinds=("add", "remove", "rg-ctl add-images", "rg-ctl remove")):
        return sum(self.ledger.compared[kind] for kind in kinds)

    async def wait_for(self, *kinds):
        """For an operation of these kinds; of any if none is named."""
        before, end = self.acknowledged(*kinds), time.monotonic() + QUIET_S
        while self.acknowledged(*kinds) == before and time.monotonic() < end:
            await asyncio.sleep(0.01)
        self.ledger.check(self.acknowledged(*kinds) > before, f"nothing was acknowledged for {QUIET_S} s after a kill")

    async def wait_for_progress(self):
        if random.random() > AT_ONCE:
            await self.wait_for()
        if random.random() < LONG_WAY:
            await self.wait_for(random.choice([("find",), ("rg-ctl add-images",)]))

    async def kill(self, commands):
        """Kills until there have been enough."""
        while sum(self.killed.values()) < self.count:
            [name] = random.choices(list(VICTIMS), VICTIMS.values())
            await self.wait_for_progress()
            await asyncio.sleep(random.uniform(0, 0.05))
            victim = random.choice(commands) if name == "ctl" else self.services[name]
            if not victim.kill():
                continue
            self.killed[name] += 1
            if sum(self.killed.values()) % LINES_EVERY == 0:
                self.print_progress()

    async def index(self):
        """Builds the index again and again; a build that was killed fails."""
        while True:
            action = random.choice(("rebuild", "compact", "snapshot"))
            process = await asyncio.create_subprocess_exec(
                self.ctl, "index", action, "--config", self.config, "--json", stdout=self.log, stderr=self.log)
            self.indexed += await process.wait() == 0

    def print_progress(self):
        print(f"{sum(self.killed.values())} kills, {self.acknowledged()} operations acknowledged,",
              f"wrong: {dict(self.ledger.wrong) or 'nothing'}", flush=True)

    def stop(self):
        self.count = 0

    async def run(self):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop)
        living = [asyncio.create_task(service.live()) for service in self.services.values()]
        try:
            return await self.run_clients()
        finally:
            for task in living:
                task.cancel()
            for service in self.services.values():
                service.kill()

    async def run_clients(self):
        await self.system.learn()
        commands = [Command(self.system, 10000 + i, self.ctl, self.config) for i in range(2)]
        members = clients.make(self.system, MEMBERS, PAUSE_S) + commands
        for command in commands:
            command.pause_s = PAUSE_S
        tasks = [asyncio.create_task(client.live()) for client in members]
        begin = time.monotonic()
        killing, indexing = asyncio.create_task(self.kill(commands)), asyncio.create_task(self.index())
        await asyncio.wait([killing, *tasks], return_when=asyncio.FIRST_COMPLETED)  # a client ends only by an error
        minutes = (time.monotonic() - begin) / 60
        killing.done() and killing.result()
        killing.cancel()
        indexing.cancel()
        failures = await self.system.finish(tasks)
        failures += [f"the {name} ended {service.crashes} times by itself"
                     for name, service in self.services.items() if service.crashes]
        print(f"{sum(self.killed.values())} kills in {minutes:.1f} min:",
              ", ".join(f"{n} x {name}" for name, n in self.killed.items()), f"and {self.indexed} changes of the index")
        self.system.print_comparison(len(tasks))
        for sentence in failures:
            print(f"FAIL: {sentence}", file=sys.stderr)
        return 1 if failures else 0


def main():
    folder, config, count, *faces = sys.argv[1:]
    sys.exit(asyncio.run(Kills(folder, config, int(count), faces).run()))


main()
