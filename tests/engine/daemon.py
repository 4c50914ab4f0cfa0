"""A real Docker engine of its own: socket, data and state under one temporary folder, no systemd."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

PROGRAMS = ("dockerd", "containerd", "docker-registry", "busybox", "htpasswd")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
BRIDGE = "172.31.250.1/24"


def why_no_engine() -> str:
    """What keeps the real engine from starting here; empty where it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocker:
        knocker.settimeout(2)
        try:
            knocker.connect(str(path))
            knocker.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"200" in knocker.recv(64)
        except OSError:
            return False


def _children(pid: int) -> list[int]:
    """The process and everything below it, the youngest first."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found[::-1]


def _die_with_parent() -> None:
    """Ends the child when the process of the tests is killed, which no fixture survives (Linux)."""
    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)


class Daemon:
    """dockerd, and the containerd that it starts itself."""

    def __init__(
        self, folder: Path, storage: str, path: str, *, bridge: bool = True, extra: tuple[str, ...] = ()
    ) -> None:
        self.folder, self.storage = folder, storage
        self.socket = folder / "docker.sock"
        self._log = (folder / "dockerd.log").open("wb")
        command = [
            "dockerd",
            *("--host", f"unix://{self.socket}", "--data-root", str(folder / "data")),
            *("--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")),
            *("--storage-driver", storage),
            *(("--bip", BRIDGE) if bridge else ("--bridge=none",)),
            *extra,
            *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
        ]
        self.process = subprocess.Popen(
            command,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            env={**os.environ, "PATH": path},
        )

    def wait(self) -> bool:
        """Whether it answers in time."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if _answers(self.socket):
                return True
            time.sleep(0.1)
        return False

    def log(self) -> str:
        return (self.folder / "dockerd.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End it, its containerd and the shims of containers that are left, whatever state they are in."""
        family = _children(self.process.pid)
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        for pid in {*family, *self._stragglers()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self._log.close()
        self._unmount()

    def _stragglers(self) -> list[int]:
        """Shims and proxies that were started for this engine: their command lines name its folder."""
        needle = str(self.folder).encode()
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes()
                if needle in line and line.split(b"\0")[0].rsplit(b"/")[-1].startswith(
                    (b"containerd", b"dockerd", b"docker-proxy")
                ):
                    found.append(int(entry.name))
        return found

    def _unmount(self) -> None:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        points = [line.split()[1] for line in lines if line.split()[1].startswith(str(self.folder))]
        for point in sorted(points, key=len, reverse=True):
            subprocess.run(["umount", "-l", point], check=False, capture_output=True)


@contextlib.contextmanager
def running_daemon(
    folder: Path, *, path: str = "", bridge: bool = True, extra: tuple[str, ...] = ()
) -> Iterator[Daemon]:
    """A running engine; overlay2 where the file system bears it, else vfs.

    The containerd store (`--feature containerd-snapshotter=true` among `extra`) calls its drivers otherwise.
    """
    problems: list[str] = []
    for storage in ("overlayfs", "native") if "--feature" in extra else ("overlay2", "vfs"):
        home = folder / storage
        home.mkdir(parents=True)
        daemon = Daemon(home, storage, path or os.environ.get("PATH", ""), bridge=bridge, extra=extra)
        try:
            if daemon.wait():
                yield daemon
                return
            problems.append(daemon.log())
        finally:
            daemon.stop()
    raise RuntimeError("dockerd did not start:\n" + "\n".join(problems))


@contextlib.contextmanager
def running_registry(
    folder: Path, environ: Mapping[str, str], *, login: tuple[str, str] | None = None
) -> Iterator[str]:
    """A registry on loopback; its `host:port`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/store\nhttp:\n  addr: 127.0.0.1:{port}\n"
    if login is not None:
        (folder / "htpasswd").write_text(f"{login[0]}:{bcrypt(login[1])}\n")
        config += f"auth:\n  htpasswd:\n    realm: test\n    path: {folder}/htpasswd\n"
    (folder / "registry.yml").write_text(config)
    log = (folder / "registry.log").open("wb")
    process = subprocess.Popen(
        ["docker-registry", "serve", str(folder / "registry.yml")],
        stdout=log,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,
        env=dict(environ),
    )
    try:
        wait_for_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)
        log.close()


def bcrypt(password: str) -> str:
    """A bcrypt hash."""
    done = subprocess.run(["htpasswd", "-nbB", "u", password], capture_output=True, text=True, check=True)
    return done.stdout.strip().partition(":")[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/v2/")
            connection.getresponse()
            return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError(f"nothing answers on port {port}")
