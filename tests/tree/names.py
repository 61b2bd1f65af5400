"""Names of the program, read off its headers and object files.  names.py ROOT BUILD

  - a public type is defined in one place;
  - a public function is defined in one place, declared in a header, and used by the program, not by tests alone;
  - a static function's name leads to it: at most SAME files have one of that name.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

SAME = 2
TYPE = re.compile(r"^(?:\}|typedef struct \w+|typedef enum \w+|typedef union \w+) \*?(rg_\w+_t);|^typedef .*\b(rg_\w+_(?:t|fn))\(", re.M)
STATIC = re.compile(r"^static (?:inline )?(?:const )?(?:struct |enum |unsigned |long )*\w+[ \*]+(\w+)\(", re.M)


def sources(root, pattern):
    return [file for folder in ("common", "services") for file in sorted((root / folder).rglob(pattern))]


def definitions(build):
    """{function: sources that define it} of the program's own public functions."""
    commands = json.loads((build / "compile_commands.json").read_text())
    objects = [re.search(r" -o (\S+) ", entry["command"])[1] for entry in commands]
    listing = subprocess.run(
        ["nm", "-A", "--defined-only", "--extern-only", *(path for path in objects if path.startswith(("common/", "services/")))],
        capture_output=True, text=True, check=True, cwd=build)
    places = collections.defaultdict(set)
    for line in listing.stdout.splitlines():
        path, symbol = line.split(":", 1)
        kind, name = symbol.split()[-2:]
        if kind in "Ti" and name.startswith("rg_") and not name.startswith(("rg__v1__", "rg_client_")):
            # A source of another folder that two libraries compile is one place: __ stands for .. there.
            source = re.sub(r"CMakeFiles/[^/]+\.dir/|\.o$", "", path)
            places[name].add(os.path.normpath(source.replace("__/", "../")))
    return places


def types_twice(root):
    places = collections.defaultdict(set)
    for header in sources(root, "*.[ch]"):
        for match in TYPE.finditer(header.read_text()):
            places[match.group(1) or match.group(2)].add(str(header.relative_to(root)))
    for name, files in sorted(places.items()):
        if len(files) > 1:
            yield f"{name} is a type of {' and of '.join(sorted(files))}"


def functions(root, build):
    headers = collections.Counter(word for file in sources(root, "*.h") for word in re.findall(r"\brg_\w+", file.read_text()))
    uses = collections.Counter(word for file in sources(root, "*.c") for word in re.findall(r"\brg_\w+", file.read_text()))
    for name, places in sorted(definitions(build).items()):
        if len(places) > 1:
            yield f"{name} is defined in {' and in '.join(sorted(places))}"
        if not headers[name]:
            yield f"{name} of {min(places)} is in no header: make it static"
        if headers[name] + uses[name] <= 2:
            yield f"{name} of {min(places)}: the program does not use it"


def statics_alike(root):
    places = collections.defaultdict(set)
    for file in sources(root, "*.c"):
        for match in STATIC.finditer(file.read_text()):
            places[match.group(1)].add(str(file.relative_to(root)))
    for name, files in sorted(places.items()):
        if len(files) > SAME:
            yield f"static {name} is in {len(files)} files: {', '.join(sorted(files))}"


if __name__ == "__main__":
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    found = list(types_twice(root)) + list(functions(root, build)) + list(statics_alike(root))
    print("\n".join(found) if found else "every name leads to one place")
    sys.exit(1 if found else 0)
