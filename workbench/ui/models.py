"""The models that a person can choose: the practice model, results of conversions, downloads, own folders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from workbench.artifacts import ArtifactStore, write_json_atomic
from workbench.errors import InputError, NotFoundError, StateError
from workbench.paths import Workspace, assets_dir
from workbench.serving.model_files import gguf_kind, read_json_object

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
CONVERSION = "conversion.json"
"""Settings of the conversion that made a folder."""
WEIGHTS = ("*.safetensors", "*.bin")
Source = Literal["starter", "downloaded", "converted", "folder"]


@dataclass(frozen=True)
class LocalModel:
    """A model folder of this machine."""

    name: str
    path: str
    source: Source = "folder"


def starter_folder() -> Path:
    """The practice model that comes with the program."""
    return assets_dir() / "starter" / "model"


def missing_parts(folder: Path) -> list[str]:
    """What a folder lacks to be a model with its tokenizer."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    if not any((folder / name).is_file() for name in TOKENIZERS):
        missing.append("tokenizer")
    if not any(next(folder.glob(pattern), None) for pattern in WEIGHTS):
        missing.append("*.safetensors")
    return missing


def _read_settings(workspace: Workspace) -> dict[str, Any]:
    try:
        content: Any = json.loads(workspace.settings_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise StateError("settings_unreadable", path=str(workspace.settings_file)) from exc
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def registered_models(workspace: Workspace) -> list[LocalModel]:
    """Folders that a person registered, by name.

    Raises:
        StateError: The settings file is damaged.
    """
    entries: Any = _read_settings(workspace).get("models") or []
    return [LocalModel(str(entry["name"]), str(entry["path"])) for entry in entries]


def _save(workspace: Workspace, models: list[LocalModel]) -> None:
    entries = [{"name": model.name, "path": model.path} for model in models]
    write_json_atomic(workspace.settings_file, {**_read_settings(workspace), "models": entries})


def register_model(workspace: Workspace, given: str) -> LocalModel:
    """Keep a model folder in the list.

    Raises:
        InputError: `model_folder_invalid` where the folder is no model.
    """
    folder = Path(given.strip()).expanduser()
    if not given.strip() or not folder.is_absolute() or not folder.is_dir():
        raise InputError("model_folder_invalid", path=given, missing="–")
    missing = [] if is_gguf_model(folder) else missing_parts(folder)
    if missing:
        raise InputError("model_folder_invalid", path=str(folder), missing=", ".join(missing))
    model = LocalModel(folder.name, str(folder.resolve()))
    kept = [known for known in registered_models(workspace) if known.path != model.path]
    _save(workspace, [*kept, model])
    return model


def forget_model(workspace: Workspace, path: str) -> None:
    """Take a folder off the list; the folder stays."""
    _save(workspace, [model for model in registered_models(workspace) if model.path != path])


def downloaded_models(workspace: Workspace) -> list[LocalModel]:
    """Whole model folders under `models/`, one or two levels deep (model, or organisation/model)."""
    found = [
        path.parent
        for pattern in ("*/config.json", "*/*/config.json")
        for path in workspace.models.glob(pattern)
    ]
    whole = [folder for folder in found if not missing_parts(folder)]
    return [
        LocalModel(str(f.relative_to(workspace.models)), str(f.resolve()), "downloaded")
        for f in sorted(whole)
    ]


def converted_models(workspace: Workspace) -> list[LocalModel]:
    """Whole model folders that conversions left among the artifacts, newest first."""
    store = ArtifactStore(workspace)
    found = sorted(workspace.artifacts.glob("model-*/config.json"), reverse=True)
    models: list[LocalModel] = []
    for folder in (path.parent for path in found):
        try:
            name = store.get(folder.name).name
        except (NotFoundError, InputError):  # deleted in this very moment, or damaged
            continue
        if not missing_parts(folder):
            models.append(LocalModel(name, str(folder.resolve()), "converted"))
    return models


def is_gguf_model(folder: Path) -> bool:
    """Whether a folder holds one whole model as a GGUF file."""
    return gguf_kind(folder) == "model"


def gguf_models(workspace: Workspace) -> list[LocalModel]:
    """Whole models as GGUF files: results of conversions, newest first, then registered folders."""
    store = ArtifactStore(workspace)
    made = [
        LocalModel(item.name, str(folder.resolve()), "converted")
        for item in store.list("gguf")
        if is_gguf_model(folder := store.folder(item.id))
    ]
    return [*made, *(model for model in registered_models(workspace) if is_gguf_model(Path(model.path)))]


def gguf_adapters(workspace: Workspace) -> list[LocalModel]:
    """Adapters as GGUF files whose base is there as one too, newest first."""
    store = ArtifactStore(workspace)
    return [
        LocalModel(item.name, str(folder.resolve()), "converted")
        for item in store.list("gguf")
        if gguf_kind(folder := store.folder(item.id)) == "adapter" and base_of(folder)
    ]


def base_of(folder: Path) -> Path | None:
    """The model that a converted folder is compared with; None where it names none, or one that is gone.

    For a model folder that is its base, for an adapter's GGUF the GGUF of its base. For a whole GGUF it is what the base
    became when it was converted in the same way, so that one engine answers for both; where nobody did that, the base
    itself.
    """
    told = read_json_object(folder / CONVERSION) or {}
    base = _named(told.get("base"))
    kind = gguf_kind(folder)
    if kind == "adapter":  # without its base as a GGUF file there is no server for it
        return find_twin(folder, base) if base else None
    if kind != "model":
        return base
    source = _named(told.get("source"))
    origin = base or (base_of(source) or source if source else None)
    return find_twin(folder, origin) or origin if origin else None


def find_twin(folder: Path, origin: Path) -> Path | None:
    """The GGUF that a model alone became by the same conversion as the one that made a folder, for the same engine.

    For an adapter's GGUF, which goes with a base of any size: the newest of the base's.
    """
    told = read_json_object(folder / CONVERSION) or {}
    alone = told.get("to") == "gguf-adapter"
    for path in sorted(folder.parent.glob(f"gguf-*/{CONVERSION}"), reverse=True):
        other = read_json_object(path) or {}
        same = other.get("to") == "gguf" if alone else _way_of(other) == _way_of(told)
        if (
            same
            and not other.get("base")
            and other.get("source") == str(origin)
            and is_gguf_model(path.parent)
        ):
            return None if path.parent == folder else path.parent
    return None


def _way_of(told: dict[str, Any]) -> tuple[Any, Any]:
    return told.get("to"), told.get("dtype")


def _named(path: object) -> Path | None:
    return Path(str(path)) if path and not missing_parts(Path(str(path))) else None


def list_models(workspace: Workspace, starter_name: str) -> list[LocalModel]:
    """Everything that can be trained or evaluated, the practice model first.

    Args:
        workspace: Where downloads and the list lie.
        starter_name: What to call the practice model, in the page's language.
    """
    starter = LocalModel(starter_name, str(starter_folder()), "starter")
    made = converted_models(workspace)
    kept = [model for model in registered_models(workspace) if not is_gguf_model(Path(model.path))]
    return [starter, *made, *downloaded_models(workspace), *kept]


def list_askable(workspace: Workspace, starter_name: str) -> list[LocalModel]:
    """Everything that can be asked: the models of `list_models`, and GGUF files, which a container serves."""
    return [*list_models(workspace, starter_name), *gguf_models(workspace), *gguf_adapters(workspace)]
