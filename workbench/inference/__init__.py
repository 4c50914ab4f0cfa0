"""How models are reached: one protocol, endpoints with keys by reference only, retries of our own.

The only importer of openai, and that only when a client is made. The local server in `embedded/` is a
process of its own and is never imported from here. What judges a whole server (`guard`, `load_probe`, `probe`) is imported
from its module, because those who only ask need not wait for it.
"""

from workbench.inference.clients import create_client, create_reward_client
from workbench.inference.gather import complete_all
from workbench.inference.locality import guess_locality, leaves_house
from workbench.inference.mock import MockClient
from workbench.inference.protocol import ChatClient, ModelLister, Streamer
from workbench.inference.registry import EndpointRegistry
from workbench.inference.retry import RetryPolicy
from workbench.inference.streaming import Arrival, stream_all
from workbench.inference.thinking import has_thought_unasked, prepare_messages

__all__ = [
    "Arrival",
    "ChatClient",
    "EndpointRegistry",
    "MockClient",
    "ModelLister",
    "RetryPolicy",
    "Streamer",
    "complete_all",
    "create_client",
    "create_reward_client",
    "guess_locality",
    "has_thought_unasked",
    "leaves_house",
    "prepare_messages",
    "stream_all",
]
