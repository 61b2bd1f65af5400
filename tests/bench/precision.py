"""Driver of precision.sh, which says what is compared."""
import argparse
import json
import os
import subprocess
import sys

RUNS = {  # name: what is set, colour of its curve
    "f32": (["precision=f32"], "#1f77b4"),
    "bf16": (["precision=bf16"], "#d62728"),
    "f32, another seed": (["precision=f32", "seed=1001"], "#9aa0a6"),
}


def train(ctl, config, folder, settings, iterations):
    keys = [f"run={folder}", f"stage1.iterations={iterations}", "stage1.sample_every=0", *settings]
    options = ["--config", config, *(f"--set={key}" for key in keys)]
    try:
        subprocess.run([ctl, "up", *options], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([ctl, "train", "--stage", "1", "--restart", *options], check=True, stdout=subprocess.DEVNULL)
    finally:
        subprocess.run([ctl, "down", *options], check=False, stdout=subprocess.DEVNULL)
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


NOT_LOSSES = {"stage", "iteration", "lr", "images_per_s", "wait_share"}


def windows(rows, loss, size, iterations):
    """Means over the reported iterations of each window."""
    sums = [[] for _ in range(iterations // size)]
    for row in rows:
        at = (row["iteration"] - 1) // size
        if at < len(sums):
            sums[at].append(row[loss])
    return [sum(s) / len(s) for s in sums]


def polyline(points, colour, box):
    x0, y0, width, height, low, high = box
    step = width / max(1, len(points) - 1)
    at = " ".join(f"{x0 + i * step:.1f},{y0 + height - (v - low) / ((high - low) or 1) * height:.1f}"
                  for i, v in enumerate(points))
    return f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def draw(curves, iterations, path):
    width, height, gap, columns = 260, 130, 46, 3
    rows = -(-len(curves) // columns)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * (width + gap) + gap}" '
           f'height="{rows * (height + gap) + gap + 20}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>']
    for i, (name, (_, colour)) in enumerate(RUNS.items()):
        out.append(f'<text x="{gap + 130 * i}" y="20" fill="{colour}">{name}</text>')
    for i, (loss, by_run) in enumerate(curves.items()):
        x, y = gap + i % columns * (width + gap), 20 + gap + i // columns * (height + gap)
        low, high = min(map(min, by_run.values())), max(map(max, by_run.values()))
        out.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" stroke="#ccc"/>')
        out.append(f'<text x="{x}" y="{y - 6}">{loss}: {low:.3g} to {high:.3g}, {iterations} iterations</text>')
        out += [polyline(by_run[name], RUNS[name][1], (x, y, width, height, low, high)) for name in RUNS]
    out.append("</svg>\n")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out))


def parse():
    parser = argparse.ArgumentParser(
        prog="precision.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Trains stage 1 in f32, in bf16, and in f32 with another seed, and compares the losses.",
        epilog="example:\n  tests/bench/precision.sh --config configs/faces32.yaml --iterations 1000")
    parser.add_argument("--config", default="configs/faces32.yaml", metavar="FILE")
    parser.add_argument("--iterations", type=int, default=1000, metavar="N", help="default 1000")
    parser.add_argument("--window", type=int, default=100, metavar="N", help="iterations of a mean (default 100)")
    parser.add_argument("--build", default="build", metavar="DIR")
    parser.add_argument("--out", default="out/precision", metavar="DIR", help="run folders and curves.svg")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    return parser.parse_args()


def print_tables(curves, window):
    for loss, by_run in curves.items():
        print(f"### {loss}\n\n| up to iteration | " + " | ".join(RUNS) + " |\n|---:|" + "---:|" * len(RUNS))
        for i in range(len(by_run["f32"])):
            print(f"| {(i + 1) * window} | " + " | ".join(f"{by_run[name][i]:.4f}" for name in RUNS) + " |")
        print()
    print("### Mean distance from f32 over the windows, of f32's mean\n\n| loss | bf16 | another seed |\n|---|---:|---:|")
    for loss, by_run in curves.items():
        print(f"| {loss} | " + " | ".join(f"{distance(by_run, name):.1%}" for name in list(RUNS)[1:]) + " |")


def distance(by_run, name):
    f32 = by_run["f32"]
    return sum(abs(a - b) for a, b in zip(by_run[name], f32)) / sum(map(abs, f32))


def main():
    options = parse()
    ctl = os.path.join(options.build, "bin", "rg-ctl")
    if not os.access(ctl, os.X_OK):
        sys.exit(f"precision: {ctl} is missing: build first, or name the build folder with --build")
    rows = {}
    for i, (name, (settings, _)) in enumerate(RUNS.items()):
        folder = os.path.join(options.out, f"run{i}")
        os.makedirs(folder, exist_ok=True)
        open(os.path.join(folder, "metrics.jsonl"), "w", encoding="utf-8").close()
        print(f"training: {name}", file=sys.stderr, flush=True)
        rows[name] = train(ctl, options.config, folder, settings, options.iterations)
    curves = {loss: {name: windows(rows[name], loss, options.window, options.iterations) for name in RUNS}
              for loss in rows["f32"][0] if loss not in NOT_LOSSES}
    svg = os.path.join(options.out, "curves.svg")
    draw(curves, options.iterations, svg)
    if options.json:
        print(json.dumps(dict(iterations=options.iterations, window=options.window, curves=curves)))
        return
    print_tables(curves, options.window)
    print(f"\ncurves: {svg}")


if __name__ == "__main__":
    main()
