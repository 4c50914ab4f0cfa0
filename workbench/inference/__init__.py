"""How models are reached: one protocol, endpoints with keys by reference only, retries of our own.

The only importer of openai, and that only when a client is made. The local server in `embedded/` is a
process of its own and is never imported from here.
"""

from workbench.inference.clients import create_client
from workbench.inference.gather import complete_all
from workbench.inference.mock import MockClient
from workbench.inference.probe import ProbeResult, probe
from workbench.inference.protocol import ChatClient, ModelLister
from workbench.inference.registry import EndpointRegistry

__all__ = [
    "ChatClient",
    "EndpointRegistry",
    "MockClient",
    "ModelLister",
    "ProbeResult",
    "complete_all",
    "create_client",
    "probe",
]
