"""The models that a person can choose: the practice model, results of conversions, downloads, own folders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from workbench.artifacts import ArtifactStore, write_json_atomic
from workbench.errors import InputError, NotFoundError, StateError
from workbench.paths import Workspace, assets_dir

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
    missing = missing_parts(folder)
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


def base_of(folder: Path) -> Path | None:
    """The base model that a converted folder names; None where it names none, or one that is gone."""
    try:
        content: Any = json.loads((folder / CONVERSION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    named = str(cast("dict[str, Any]", content).get("base") or "") if isinstance(content, dict) else ""
    return Path(named) if named and not missing_parts(Path(named)) else None


def list_models(workspace: Workspace, starter_name: str) -> list[LocalModel]:
    """Everything that can be trained or evaluated, the practice model first.

    Args:
        workspace: Where downloads and the list lie.
        starter_name: What to call the practice model, in the page's language.
    """
    starter = LocalModel(starter_name, str(starter_folder()), "starter")
    made = converted_models(workspace)
    return [starter, *made, *downloaded_models(workspace), *registered_models(workspace)]
