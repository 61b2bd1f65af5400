"""Builds the package: beside its sources it has the classes of the messages, which protoc makes of proto/*.proto.

    setup.py               what pip runs
    setup.py messages DIR  only makes the classes, in the folder DIR/rg_unit/proto (CMake)
"""
import pathlib
import re
import subprocess
import sys

PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
CONVERSATIONS = ("envelope", "batch", "ingest", "encode", "search", "control")


def make_messages(folder):
    """The files get the names that they have in the package, so that those of other packages may be called alike."""
    package = folder / "rg_unit" / "proto"
    package.mkdir(parents=True, exist_ok=True)
    for name in CONVERSATIONS:
        text = (PROTO / f"{name}.proto").read_text()
        text = re.sub(r'^import "(\w+\.proto)"', r'import "rg_unit/proto/\1"', text, flags=re.M)
        (package / f"{name}.proto").write_text(text)
    files = [f"rg_unit/proto/{name}.proto" for name in CONVERSATIONS]
    try:
        subprocess.run(["protoc", f"-I{folder}", f"--python_out={folder}", f"--pyi_out={folder}", *files], check=True)
    except FileNotFoundError:
        sys.exit("protoc is missing: install protobuf-compiler")
    for file in files:
        (folder / file).unlink()
    (package / "__init__.py").write_text('"""The messages of proto/, made by protoc."""\n')


def main():
    if sys.argv[1:2] == ["messages"]:
        make_messages(pathlib.Path(sys.argv[2]))
        return
    from setuptools import setup
    from setuptools.command.build_py import build_py

    class BuildWithMessages(build_py):
        def run(self):
            super().run()
            make_messages(pathlib.Path(self.build_lib))

    setup(cmdclass={"build_py": BuildWithMessages})


if __name__ == "__main__":
    main()
