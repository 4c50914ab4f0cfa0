"""Containers through the engine's API: the only importer of `docker`, and of that only when one is asked for."""

from workbench.containers.protocol import (
    ContainerEngine,
    EventFollow,
    ExecResult,
    LogFollow,
    RegistryLogin,
)

__all__ = ["ContainerEngine", "EventFollow", "ExecResult", "LogFollow", "RegistryLogin"]
