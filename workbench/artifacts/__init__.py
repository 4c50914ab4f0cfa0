"""What exists on disk (datasets, models, adapters, evaluations ...) and its lineage by hash."""

from workbench.artifacts.files import (
    JsonlWriter,
    append_jsonl,
    read_json,
    read_jsonl,
    repair_tail,
    write_bytes_atomic,
    write_json_atomic,
    write_jsonl_atomic,
    write_text_atomic,
)
from workbench.artifacts.hashing import folder_bytes, hash_file, hash_folder, ref_path
from workbench.artifacts.store import ArtifactDraft, ArtifactStore

__all__ = [
    "ArtifactDraft",
    "ArtifactStore",
    "JsonlWriter",
    "append_jsonl",
    "folder_bytes",
    "hash_file",
    "hash_folder",
    "read_json",
    "read_jsonl",
    "ref_path",
    "repair_tail",
    "write_bytes_atomic",
    "write_json_atomic",
    "write_jsonl_atomic",
    "write_text_atomic",
]
