"""Driver of loader.sh, which says what is compared."""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SIDES = (128, 64, 32)


class Contestant:
    """A process that loads all images once for each line it is sent."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.images = int(self.read().split("=")[1])

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("loader: a contestant ended, see above")
        return line

    def rate(self, what):
        self.process.stdin.write(f"{what}\n")
        return self.images / float(self.read()) * 1e3

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def measure(folder, binary, rounds):
    ours, peer = Contestant([binary, folder]), Contestant([sys.executable, os.path.join(HERE, "pillow_loader.py"), folder])
    rates = {}
    for i in range(rounds + 1):  # the first warms up
        for side in SIDES:
            now = {"bare": ours.rate("bare"), "ours": ours.rate(f"ours {side}"), "peer": peer.rate(side)}
            for name, rate in now.items():
                rates.setdefault((side, name), []).append(rate)
        print(f"round {i} of {rounds}", file=sys.stderr, flush=True)
    images = ours.images
    ours.close()
    peer.close()
    return images, {key: statistics.median(values[1:]) for key, values in rates.items()}


def parse():
    parser = argparse.ArgumentParser(
        prog="loader.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Images per second and core of the loader's way from JPEG to training image, against bare decoding and\n"
                    "torchvision over Pillow, alternating in one run.",
        epilog="examples:\n  tests/bench/loader.sh                                 procedural faces of CelebA's size\n"
               "  tests/bench/loader.sh data/celeba/img_align_celeba    your JPEGs (the first 2,000)\n\n"
               "The last line is `ratio R': the least of ours / bare decoding.")
    parser.add_argument("folder", nargs="?", help="of .jpg files; without it, 200 procedural faces are drawn")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default 5")
    parser.add_argument("--build", default="build", metavar="DIR", help="build folder (default build)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    return parser.parse_args()


def main():
    options = parse()
    if importlib.util.find_spec("torchvision") is None:
        sys.exit(f"loader: torchvision is missing for {sys.executable}: install python3-torchvision")
    binary = os.path.join(options.build, "tests", "bench", "loader")
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as faces:
        if not options.folder:
            subprocess.run([os.path.join(options.build, "bin", "rg-ctl"), "make-faces", faces, "--count", "200", "--plain"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        images, rates = measure(options.folder or faces, binary, options.rounds)
    rows = [dict(side=side, bare=rates[side, "bare"], ours=rates[side, "ours"], peer=rates[side, "peer"],
                 to_bare=rates[side, "ours"] / rates[side, "bare"], to_peer=rates[side, "ours"] / rates[side, "peer"])
            for side in SIDES]
    ratio = min(row["to_bare"] for row in rows)
    if options.json:
        print(json.dumps(dict(images=images, rounds=options.rounds, rows=rows, ratio=ratio)))
        return
    print(f"{images} images, one core, medians of {options.rounds} rounds; images per second\n")
    print("| side | bare decode | RG-UNIT | torchvision | RG-UNIT / bare | RG-UNIT / torchvision |")
    print("|---:|---:|---:|---:|---:|---:|")
    for r in rows:
        print(f"| {r['side']} | {r['bare']:.0f} | {r['ours']:.0f} | {r['peer']:.0f} | {r['to_bare']:.2f} | {r['to_peer']:.1f} |")
    print(f"\nratio {ratio:.2f}")


if __name__ == "__main__":
    main()
