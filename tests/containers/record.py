"""Writes the recordings anew: `python -m tests.containers.record [STORE]`, as root, with the programs of the engine tests.

STORE names the kind of image store the engine in PATH has: `classic` (the default), or `containerd` for a newer
engine, whose pulls are recorded beside the others.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import docker

from tests.containers.fake_api import RECORDINGS, ApiServer, serving
from tests.containers.scenarios import IMAGE, OWNER, SCENARIOS
from tests.engine.daemon import running_daemon, running_registry
from tests.engine.images import corrupt, import_busybox, publish
from tests.engine.proxies import slow_proxy
from workbench.containers.docker_engine import DockerEngine, open_client
from workbench.containers.engine_info import Address
from workbench.containers.labels import StopMarks

LOGIN = ("$oauthtoken", "nvapi-right-key-000000")


def main(store: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        features = ("--feature", "containerd-snapshotter=true") if store == "containerd" else ()
        with (
            running_daemon(folder / "engine", extra=features) as daemon,
            running_registry(folder / "open", os.environ) as registry,
            running_registry(folder / "locked", os.environ, login=LOGIN) as locked,
            slow_proxy(registry, 6_000_000) as proxy,
            socket.create_server(("127.0.0.1", 0)) as taken,
        ):
            raw = docker.APIClient(base_url=f"unix://{daemon.socket}")
            import_busybox(raw, IMAGE)
            whole = publish(raw, registry, "whole:1", layers=2, mib=3).replace(registry, proxy.address)
            broken = publish(raw, registry, "broken:1", mib=3)
            corrupt(folder / "open" / "store", broken)
            references = {
                "pull": whole,
                "pull_error": broken,
                "pull_unauthorised": f"{locked}/nothing:1",
                "port_conflict": str(taken.getsockname()[1]),
            }
            names = ("pull", "pull_error") if store == "containerd" else tuple(SCENARIOS)
            for scenario in names:
                record(folder, daemon.socket, scenario, references.get(scenario, ""), store)
            raw.close()


def record(folder: Path, real: Path, scenario: str, reference: str, store: str) -> None:
    path = folder / f"{scenario}.sock"
    with serving(ApiServer(path, [], real)) as server:
        address = Address(f"unix://{path}")
        marks = StopMarks(folder / "marks")
        engine = DockerEngine(
            open_client(address, {}), address, owner=OWNER, marks=marks, mask=lambda text: text
        )
        SCENARIOS[scenario](engine, reference)
        engine.close()
        version = json.loads(server.recorded[0]["chunks"][0]["text"])["Version"]
        document: dict[str, Any] = {
            "engine": version,
            "store": store,
            "reference": reference,
            "exchanges": server.recorded,
        }
    suffix = "" if store == "classic" else f"_{store}"
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (RECORDINGS / f"{scenario}{suffix}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "classic")
