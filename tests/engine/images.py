"""Images made here: a busybox, and layers of random bytes in a registry."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import docker

BUSYBOX = "ftw-test/busybox:1"
PROGRAMS = [
    "sh",
    "ls",
    "cat",
    "echo",
    "sleep",
    "wget",
    "dd",
    "id",
    "env",
    "true",
    "false",
    "head",
    "tail",
    "seq",
    "printf",
]


def import_busybox(client: docker.APIClient, name: str = BUSYBOX, extra: bytes = b"") -> None:
    """A minimal image: busybox, its programs as links, and empty folders."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "usr", "lib", "lib64", "tmp", "etc", "dev", "proc", "sys", "srv"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(str(shutil.which("busybox")), "bin/busybox")
        for program in (
            "sh",
            "ls",
            "cat",
            "echo",
            "sleep",
            "wget",
            "dd",
            "id",
            "env",
            "true",
            "false",
            "head",
            "tail",
            "seq",
        ):
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for path, content in (("etc/passwd", b"root:x:0:0::/:/bin/sh\n"), ("srv/filler", extra)):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    repository, _, tag = name.rpartition(":")
    client.import_image_from_data(
        archive.getvalue(), repository=repository, tag=tag, changes=['CMD ["/bin/sh"]']
    )


def publish(
    client: docker.APIClient,
    registry: str,
    name: str,
    *,
    layers: int = 1,
    mib: int = 1,
    auth: tuple[str, str] | None = None,
) -> str:
    """Push an image of a few layers of random bytes and remove it here; its reference."""
    reference = f"{registry}/{name}"
    repository, _, tag = reference.rpartition(":")
    source = BUSYBOX
    for index in range(layers):
        fill = ["dd", "if=/dev/urandom", f"of=/srv/{index}", "bs=1048576", f"count={mib}"]
        box = client.create_container(source, fill)
        client.start(box["Id"])
        client.wait(box["Id"], timeout=60)
        client.commit(box["Id"], repository=repository, tag=tag)
        client.remove_container(box["Id"])
        source = reference
    login = {"username": auth[0], "password": auth[1]} if auth else None
    said = list(client.push(repository, tag=tag, stream=True, decode=True, auth_config=login))
    assert not [message for message in said if "error" in message], said
    client.remove_image(reference, force=True)
    return reference


def corrupt(store: Path, reference: str) -> None:
    """Overwrite four bytes of an image's largest layer where the registry keeps it."""
    repository = reference.partition("/")[2].partition(":")[0]
    root = store / "docker/registry/v2"
    links = (root / "repositories" / repository / "_layers/sha256").iterdir()
    blobs = [root / f"blobs/sha256/{link.name[:2]}/{link.name}/data" for link in links]
    with max(blobs, key=lambda path: path.stat().st_size).open("r+b") as handle:
        handle.seek(1_000_000)
        handle.write(b"\0\1\2\3")
