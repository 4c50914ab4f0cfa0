"""Containers through the engine's API.

`docker` is imported by `docker_engine` and `streams` only, and those only when an engine is asked for.
"""

from workbench.containers.connect import Diagnosis, connect, diagnose
from workbench.containers.ending import end_code, end_failure
from workbench.containers.protocol import (
    ContainerEngine,
    EventFollow,
    ExecResult,
    LogFollow,
    RegistryLogin,
)
from workbench.containers.references import check_allowed, check_architecture, pin
from workbench.containers.run_command import render_arguments, render_text
from workbench.containers.starting import probe_loopback, run_container, verify_gpu, wait_ready

__all__ = [
    "ContainerEngine",
    "Diagnosis",
    "EventFollow",
    "ExecResult",
    "LogFollow",
    "RegistryLogin",
    "check_allowed",
    "check_architecture",
    "connect",
    "diagnose",
    "end_code",
    "end_failure",
    "pin",
    "probe_loopback",
    "render_arguments",
    "render_text",
    "run_container",
    "verify_gpu",
    "wait_ready",
]
