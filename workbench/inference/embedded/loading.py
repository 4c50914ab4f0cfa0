"""Loads a base model and its adapters, and shows that the base's name answers as the base."""

from __future__ import annotations

import inspect
import logging
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from peft.utils import save_and_load
from safetensors import SafetensorError, safe_open

from workbench.errors import InputError, ResourceError
from workbench.inference.embedded.batching import CacheKind, Forward
from workbench.inference.embedded.codec import TextCodec
from workbench.inference.embedded.folders import (
    ADAPTER_WEIGHTS,
    check_adapter_folder,
    check_model_folder,
    read_config,
)
from workbench.inference.embedded.proving import AdapterProof, Witness
from workbench.schemas.serving import AdapterMount, ServeConfig

logger = logging.getLogger(__name__)

TORCH: Any = torch
TRANSFORMERS: Any = transformers
PEFT: Any = peft
PEFT_STATE: Any = save_and_load
SAFE_OPEN: Any = safe_open

UNBOUNDED_CONTEXT = 1 << 20


@dataclass(frozen=True)
class LoadedModel:
    """A base and its adapters in one set of weights."""

    net: Any
    """The model as transformers has it, with the adapters' layers inside."""
    tuner: Any
    """PEFT's wrapper, None without adapters."""
    keys: dict[str, str | None]
    """Model name -> PEFT's name of the adapter, None for the base."""
    codec: TextCodec
    forward: Forward
    cache_kind: CacheKind
    device: str
    dtype: str
    window: int
    """Prompt and answer together, in tokens."""
    proofs: tuple[AdapterProof, ...] = ()

    def activate(self, name: str) -> None:
        """Make the model answer as that name."""
        if self.tuner is None:
            return
        key = self.keys[name]
        if key is None:
            self.tuner.base_model.disable_adapter_layers()
        else:
            self.tuner.base_model.enable_adapter_layers()
            self.tuner.set_adapter(key, inference_mode=True)


def load_model(config: ServeConfig) -> LoadedModel:
    """Load what the settings name.

    Raises:
        InputError: A folder lacks something, or an adapter belongs to another base.
        ResourceError: Not enough memory.
        StateError: The base does not answer as before once adapters are loaded.
    """
    _check(config)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = _choose_dtype(config.dtype, device)
    codec = _load_codec(config)
    net = _load_base(config, device, dtype)
    forward = Forward(net, device, frozenset(inspect.signature(net.forward).parameters))
    witness = Witness(forward, codec)
    before = witness.look()
    tuner, keys = _mount(net, config)
    loaded = LoadedModel(
        net=net,
        tuner=tuner,
        keys={config.model_name: None} | keys,
        codec=codec,
        forward=forward,
        cache_kind=before.cache_kind,
        device=device,
        dtype=dtype,
        window=_read_window(net, config.max_context),
    )
    proofs = witness.prove(before, loaded.activate, config.model_name, list(keys))
    return replace(loaded, proofs=proofs)


def _check(config: ServeConfig) -> None:
    names = [config.model_name, *(adapter.name for adapter in config.adapters)]
    if len(set(names)) != len(names):
        raise InputError("serve_names_repeat", names=", ".join(names))
    check_model_folder(Path(config.model))
    for adapter in config.adapters:
        check_adapter_folder(Path(adapter.path))


def _choose_dtype(wanted: str, device: str) -> str:
    if wanted != "auto":
        return wanted
    return "bfloat16" if device == "cuda" else "float32"


def _load_codec(config: ServeConfig) -> TextCodec:
    try:
        tokenizer = TRANSFORMERS.AutoTokenizer.from_pretrained(
            config.model, local_files_only=True, trust_remote_code=config.trust_remote_code
        )
    except (OSError, ValueError, KeyError) as exc:
        raise _explain(config, exc, "model_no_tokenizer") from exc
    codec = TextCodec(tokenizer)
    if not codec.has_template:
        raise InputError("serve_no_chat_template", path=config.model)
    return codec


def _load_base(config: ServeConfig, device: str, dtype: str) -> Any:
    try:
        net = TRANSFORMERS.AutoModelForCausalLM.from_pretrained(
            config.model,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=config.trust_remote_code,
        )
        return net.to(device).eval()
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise ResourceError("serve_no_memory", path=config.model) from exc
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, ImportError) as exc:
        if "can't allocate memory" in str(exc):
            raise ResourceError("serve_no_memory", path=config.model) from exc
        raise _explain(config, exc, "serve_not_loadable") from exc


def _explain(config: ServeConfig, exc: Exception, code: str) -> InputError:
    logger.warning("cannot load %s: %s", config.model, exc)
    if not config.trust_remote_code and "auto_map" in read_config(Path(config.model) / "config.json"):
        files = ", ".join(sorted(path.name for path in Path(config.model).glob("*.py")))
        return InputError("model_needs_code", path=config.model, files=files or "?")
    return InputError(code, path=config.model, detail=str(exc)[:300])


def _read_window(net: Any, wanted: int) -> int:
    limit = getattr(net.config.get_text_config(), "max_position_embeddings", None)
    return min(wanted, int(limit or UNBOUNDED_CONTEXT))


def _mount(net: Any, config: ServeConfig) -> tuple[Any, dict[str, str | None]]:
    """Load all adapters; PEFT's names are numbers, because its own may hold no dots."""
    tuner: Any = None
    keys: dict[str, str | None] = {}
    for number, adapter in enumerate(config.adapters):
        key = f"adapter{number}"
        try:
            with warnings.catch_warnings():
                # PEFT only warns of tensors that found no place; the check below refuses them
                warnings.filterwarnings("ignore", message=".*missing adapter keys.*")
                if tuner is None:
                    tuner = PEFT.PeftModel.from_pretrained(net, adapter.path, adapter_name=key)
                else:
                    tuner.load_adapter(adapter.path, adapter_name=key)
            _check_whole(tuner, adapter, key)
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as exc:
            logger.warning("cannot load adapter %s: %s", adapter.path, exc)
            raise InputError("adapter_does_not_fit", name=adapter.name, detail=str(exc)[:300]) from exc
        keys[adapter.name] = key
    if tuner is not None:
        tuner.eval()
        tuner.requires_grad_(False)
    return tuner, keys


def _check_whole(tuner: Any, adapter: AdapterMount, key: str) -> None:
    """Every tensor of the file must have found its place."""
    with SAFE_OPEN(str(Path(adapter.path) / ADAPTER_WEIGHTS), framework="pt") as file:
        stored = set(file.keys())
    placed = set(PEFT_STATE.get_peft_model_state_dict(tuner, adapter_name=key, save_embedding_layers=False))
    strays = sorted(stored ^ placed)
    strays = [name for name in strays if "embed_tokens" not in name and "lm_head" not in name]
    if strays:
        raise ValueError(f"{len(strays)} tensors without a counterpart, first {strays[0]}")
