"""An image with nothing but Python and the fake model server: a NIM as far as paths, variables and states go."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import docker

from tests.serving import fake_server

FAKE_NIM = "ftw-test/fake-nim:1"
PYTHON = "/usr/bin/python3"
SKIPPED = re.compile(
    r"/(test|tests|idlelib|tkinter|lib2to3|ensurepip|distutils|dist-packages|__pycache__|config-[^/]*)(/|$)"
)


def import_fake_nim(client: docker.APIClient, name: str = FAKE_NIM, *, ready_after: float = 1.0) -> None:
    """Make the image from this machine's own Python: the program, its library, and what it is linked against."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("tmp", "dev", "proc", "sys", "etc", "srv", "opt", "opt/models", "opt/nim"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        program = Path(PYTHON).resolve()
        tar.add(program, "usr/bin/python3")
        for library in linked(program):
            tar.add(library.resolve(), str(library).lstrip("/"))
        root = standard_library(program)
        for path in sorted(root.rglob("*")):
            if path.is_file() and not SKIPPED.search(str(path)):
                tar.add(path.resolve(), str(path).lstrip("/"))
        tar.add(Path(fake_server.__file__), "srv/fake_server.py")
    repository, _, tag = name.rpartition(":")
    entry_point = f'ENTRYPOINT ["/usr/bin/python3", "/srv/fake_server.py", "nim", "8000", "{ready_after}"]'
    client.import_image_from_data(archive.getvalue(), repository=repository, tag=tag, changes=[entry_point])


def linked(program: Path) -> list[Path]:
    """The shared libraries of the program and of its extension modules."""
    modules = [program, *standard_library(program).joinpath("lib-dynload").glob("*.so")]
    told = subprocess.run(["ldd", *map(str, modules)], capture_output=True, text=True, check=False).stdout
    return sorted({Path(found) for found in re.findall(r"(/\S+\.so\S*) \(0x", told)})


def standard_library(program: Path) -> Path:
    """Where the program keeps its library."""
    if program == Path(sys.executable).resolve():
        return Path(sysconfig.get_path("stdlib"))
    code = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    told = subprocess.run(
        [program, "-I", "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    return Path(told.stdout.strip())
