"""The local model server: a base model and its adapters in one process and one set of weights, chosen by
name.

Runs in a worker process of its own and is imported only there. What it promises:

- the base's name answers with every adapter off, and a check at load time shows that this is the base itself;
- a greedy answer is, token for token, what `generate` of transformers gives for the same prompt in float32,
however
  many requests share a forward pass (in bfloat16 two tokens that are all but equal may change places);
- only safetensors are read, only this machine is listened to.
"""

from workbench.inference.embedded.app import create_app
from workbench.inference.embedded.engine import Engine, load_engine
from workbench.inference.embedded.server import RunningServer, serve

__all__ = ["Engine", "RunningServer", "create_app", "load_engine", "serve"]
