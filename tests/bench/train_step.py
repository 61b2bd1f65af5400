"""Driver of train_step.sh, which says what is compared."""
import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = os.sysconf("SC_CLK_TCK")
THREADS = 2

SETTINGS = {
    "32": dict(side=32, gf=16, n_res=2, df=64, d_layers=3, batch=16),
    "64": dict(side=64, gf=32, n_res=2, df=64, d_layers=4, batch=8),
    "128": dict(side=128, gf=64, n_res=4, df=64, d_layers=5, batch=2),
}

# name, precision, what is added to the command
PEER = [
    ("PyTorch f32, published", "f32", ["--mode", "published"]),
    ("PyTorch f32, lean", "f32", ["--mode", "lean"]),
    ("PyTorch bf16, lean", "bf16", ["--mode", "lean", "--bf16"]),
]
SAME = [  # RG-UNIT's own schedule
    ("PyTorch f32, joined", "f32", ["--mode", "joined"]),
    ("PyTorch bf16, joined", "bf16", ["--mode", "joined", "--bf16"]),
]
OURS = [
    ("RG-UNIT f32", "f32", ["--set=targets=both"]),
    ("RG-UNIT bf16", "bf16", ["--set=targets=both", "--set=precision=bf16"]),
    ("RG-UNIT f32, half of the targets", None, ["--set=targets=half"]),
]

# Kernels of OpenBLAS among which the fastest for the peer is chosen, see train_step.sh; the first two need no AVX-512.
PEER_KERNELS = ("Haswell", "Zen", "SkylakeX")
AVX2_KERNELS = PEER_KERNELS[:2]
TRIALS = 2  # iterations with each

QUIET = 0.08      # share of a core that other processes may use during a visit
TRIES = 4         # of a visit that is disturbed
VISIT_MS = 1000   # an iteration that is shorter is repeated within a visit


class Failed(Exception):
    pass


def busy_seconds():
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


class Contestant:
    """A process that computes an iteration for each line it is sent, and sleeps otherwise."""

    def __init__(self, name, precision, command, environment):
        self.name, self.precision, self.ms = name, precision, []
        self.foreign, self.discarded, self.disturbed, self.repeats = [], 0, 0, 1
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, bufsize=1,
                                        env={**os.environ, "OMP_NUM_THREADS": str(THREADS), **environment})
        ready = self.read().split()
        self.parameters = {k: int(v) for k, v in (word.split("=") for word in ready[1:])}

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            said = self.process.stderr.read().strip().splitlines()
            raise Failed(f"{self.name} ended: {said[-1] if said else 'it said nothing'}")
        return line

    def iterate(self):
        self.process.stdin.write("\n")
        return float(self.read())

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def attempt(self):
        """Milliseconds of the visit's iterations, and the share of a core that others used meanwhile."""
        wall, busy, own = time.perf_counter(), busy_seconds(), self.cpu_seconds()
        ms = [self.iterate() for _ in range(self.repeats)]
        others = (busy_seconds() - busy) - (self.cpu_seconds() - own)
        return max(0.0, others / (time.perf_counter() - wall)), ms

    def visit(self):
        """The first undisturbed attempt counts, else the least disturbed one."""
        attempts = []
        while not attempts or (attempts[-1][0] > QUIET and len(attempts) < TRIES):
            attempts.append(self.attempt())
        foreign, ms = min(attempts)
        self.discarded += len(attempts) - 1
        self.disturbed += foreign > QUIET
        self.foreign.append(foreign)
        self.ms.append(statistics.median(ms))

    def prepare(self):
        self.repeats = max(1, math.ceil(VISIT_MS / self.iterate()))

    def median(self):
        return statistics.median(self.ms)

    def peak_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) / 1024

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def peer_command(setting, extra):
    sizes = [f"--{key.replace('_', '-')}={value}" for key, value in setting.items()]
    return [sys.executable, os.path.join(HERE, "torch_gmmunit.py"), f"--threads={THREADS}", *sizes, *extra]


def own_command(binary, setting, extra):
    keys = dict(side="data.img_size", gf="model.gf", n_res="model.n_res", df="model.df", d_layers="model.d_layers",
                batch="stage1.batch")
    sizes = [f"--set={keys[key]}={value}" for key, value in setting.items()]
    same = ["--set=stage1.optimizer=adamw", "--set=stage1.clip=2", "--set=stage1.ema=0.999"]
    return [binary, f"--set=threads={THREADS}", *sizes, *same, *extra]


def say(text):
    print(text, file=sys.stderr, flush=True)


def settings_of(isa):
    """Environment variables that limit the libraries of both sides to this instruction set."""
    if isa is None:
        return {}
    with open(os.path.join(HERE, "..", "support", isa + ".env"), encoding="ascii") as f:
        return dict(line.strip().split("=", 1) for line in f)


def with_kernels(limits, kernels):
    return {**limits, "OPENBLAS_CORETYPE": kernels}


def best_kernels(setting, limits):
    """Those with which the peer's published schedule takes least, tried one after the other and round by round."""
    name, precision, extra = PEER[0]
    trials = {}
    try:
        for kernels in AVX2_KERNELS if limits else PEER_KERNELS:
            trials[kernels] = Contestant(name, precision, peer_command(setting, extra), with_kernels(limits, kernels))
        least = {kernels: math.inf for kernels in trials}
        for _ in range(TRIALS):
            for kernels, c in trials.items():
                least[kernels] = min(least[kernels], c.iterate())
    finally:
        for c in trials.values():
            c.close()
    say("the peer's OpenBLAS kernels: " + ", ".join(f"{k} {ms:.0f} ms" for k, ms in least.items()))
    return min(least, key=least.get)


def enter(contestants, binary, setting, limits, kernels):
    """Precisions that the limits rule out do not take part."""
    for name, precision, extra in PEER + SAME:
        if not (limits and precision == "bf16"):
            contestants.append(Contestant(name, precision, peer_command(setting, extra), with_kernels(limits, kernels)))
    for name, precision, extra in OURS:
        if not (limits and precision == "bf16"):
            contestants.append(Contestant(name, precision, own_command(binary, setting, extra), limits))
    first = contestants[0]
    for c in contestants:
        if c.parameters != first.parameters:
            raise Failed(f"{c.name} has parameters {c.parameters}, {first.name} has {first.parameters}")


def measure(name, setting, binary, rounds, limits):
    contestants, kernels = [], best_kernels(setting, limits)
    try:
        enter(contestants, binary, setting, limits, kernels)
        for c in contestants:
            c.prepare()
        for i in range(rounds):
            for c in contestants:
                c.visit()
            say(f"{name} px, round {i + 1} of {rounds}: " + ", ".join(f"{c.name} {c.ms[-1]:.0f} ms" for c in contestants))
        return {**summary(setting, contestants), "peer_kernels": kernels}
    finally:
        for c in contestants:
            c.close()


def summary(setting, contestants):
    rows = [dict(name=c.name, precision=c.precision, median_ms=c.median(), least_ms=min(c.ms), most_ms=max(c.ms),
                 images_per_s=1e3 * setting["batch"] / c.median(), peak_mib=c.peak_mib(), visits=len(c.ms),
                 discarded=c.discarded, disturbed=c.disturbed, most_foreign=max(c.foreign)) for c in contestants]
    peer = [r for r in rows if r["name"] in {name for name, _, _ in PEER}]
    same = {r["precision"]: r for r in rows if r["name"] in {name for name, _, _ in SAME}}
    ours = {r["precision"]: r for r in rows if r["name"] in {name for name, _, _ in OURS}}
    ratios = dict(published_f32=peer[0]["median_ms"] / ours["f32"]["median_ms"])
    for precision in same:
        equal = [r for r in peer if r["precision"] == precision]
        ratios["best_" + precision] = min(r["median_ms"] for r in equal) / ours[precision]["median_ms"]
        ratios["joined_" + precision] = same[precision]["median_ms"] / ours[precision]["median_ms"]
        ratios["memory_" + precision] = ours[precision]["peak_mib"] / min(r["peak_mib"] for r in equal)
    return dict(setting=setting, parameters=contestants[0].parameters, rows=rows, ratios=ratios)


def print_setting(result):
    s, p, r = result["setting"], result["parameters"], result["ratios"]
    print(f"### {s['side']} px, gf {s['gf']}, {s['n_res']} residual blocks, df {s['df']}, D of {s['d_layers']} layers, "
          f"batch {s['batch']}\n")
    print(f"Both sides have {p['parameters_g']:,} parameters in E_c, E_a and G and {p['parameters_d']:,} in D. The peer's "
          f"OpenBLAS uses its {result['peer_kernels']} kernels.\n")
    print("| contestant | median ms | least to most | images/s | peak RSS, MiB |")
    print("|---|---:|---:|---:|---:|")
    for row in result["rows"]:
        print(f"| {row['name']} | {row['median_ms']:.1f} | {row['least_ms']:.1f} to {row['most_ms']:.1f} | "
              f"{row['images_per_s']:.1f} | {row['peak_mib']:.0f} |")
    print("\n| PyTorch / RG-UNIT | f32 | bf16 |\n|---|---:|---:|")
    print(f"| time, published schedule | {r['published_f32']:.2f} | |")
    for text, key in (("time, PyTorch's best of the precision", "best"), ("time, the same schedule in PyTorch", "joined"),
                      ("memory of RG-UNIT / PyTorch's leanest", "memory")):
        print(f"| {text} | " + " | ".join(f"{r[key + p]:.2f}" if key + p in r else "" for p in ("_f32", "_bf16")) + " |")
    rows = result["rows"]
    print(f"\n{sum(x['visits'] for x in rows)} visits counted, {sum(x['discarded'] for x in rows)} discarded because other "
          f"processes used more than {QUIET:.0%} of a core; {sum(x['disturbed'] for x in rows)} of those counted were "
          f"disturbed in all of {TRIES} tries (the worst: {max(x['most_foreign'] for x in rows):.0%} of a core).\n")


def parse():
    parser = argparse.ArgumentParser(
        prog="train_step.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Times a training iteration of stage 1 here and in PyTorch, alternating in one run.",
        epilog="examples:\n  tests/bench/train_step.sh                             all settings, medians of 5 rounds\n"
               "  tests/bench/train_step.sh --setting 32 --rounds 9     one of them\n"
               "  tests/bench/train_step.sh --build build --json        for a program to read\n\n"
               "The last line is `ratio R': the least over the settings of PyTorch f32 published / RG-UNIT f32.\n"
               "With --json it is the key `ratio'.")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="visits to each contestant (default 5)")
    parser.add_argument("--setting", choices=[*SETTINGS, "all"], default="all", help="pixels (default all)")
    parser.add_argument("--isa", choices=["avx2"], help="limit both sides to what processors without AVX-512 have")
    parser.add_argument("--build", metavar="DIR", help="build folder (default build, or build-avx2 with --isa avx2)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    options.build = options.build or ("build-" + options.isa if options.isa else "build")
    return options


def check_build(folder, isa):
    """The driver's environment limits libraries; RG-UNIT's own loops are limited when they are compiled."""
    with open(os.path.join(folder, "CMakeCache.txt"), encoding="utf-8") as f:
        limited = "RG_AVX512:BOOL=OFF\n" in f
    if limited != (isa == "avx2"):
        raise Failed(f"{folder} is built {'without' if limited else 'with'} AVX-512: " +
                     ("--isa avx2 measures it" if limited else f"cmake -S . -B build-avx2 -DRG_AVX512=OFF, and build that"))


def main():
    options = parse()
    binary = os.path.join(options.build, "tests", "bench", "train_step")
    if not os.access(binary, os.X_OK):
        raise Failed(f"{binary} is missing: build first, or name the build folder with --build")
    check_build(options.build, options.isa)
    limits = settings_of(options.isa)
    if importlib.util.find_spec("torch") is None:
        raise Failed(f"PyTorch is missing for {sys.executable}: install python3-torch, or name a Python that has it in PYTHON")
    names = list(SETTINGS) if options.setting == "all" else [options.setting]
    results = [measure(name, SETTINGS[name], binary, options.rounds, limits) for name in names]
    ratio = min(r["ratios"]["published_f32"] for r in results)
    if options.json:
        print(json.dumps(dict(threads=THREADS, isa=options.isa, rounds=options.rounds, settings=results, ratio=ratio)))
        return
    for result in results:
        print_setting(result)
    print(f"ratio {ratio:.2f}")


if __name__ == "__main__":
    try:
        main()
    except Failed as reason:
        sys.exit(f"train_step: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
