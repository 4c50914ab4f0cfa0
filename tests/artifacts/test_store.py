from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.artifacts import ArtifactStore, hash_folder, ref_path
from workbench.artifacts.store import sweep_leftovers
from workbench.errors import InputError, NotFoundError, StateError
from workbench.paths import Workspace
from workbench.schemas.artifact import Artifact, ArtifactRef


@pytest.fixture
def store(workspace: Workspace) -> ArtifactStore:
    ticks: Iterator[int] = itertools.count(1_800_000_000)
    return ArtifactStore(workspace, clock=lambda: float(next(ticks)))


def _make(store: ArtifactStore, name: str, inputs: tuple[ArtifactRef, ...] = ()) -> Artifact:
    draft = store.begin("dataset", name, job_id="job-1")
    (draft.folder / "train.jsonl").write_text(f'{{"name": "{name}"}}\n')
    return draft.commit(inputs=inputs, license="CC-BY-4.0", numbers={"rows": 1}, details={"split": "train"})


def test_a_committed_draft_is_read_back_as_it_was(store: ArtifactStore) -> None:
    made = _make(store, "faq")
    assert store.get(made.id) == made
    assert (made.kind, made.name, made.job_id, made.license) == ("dataset", "faq", "job-1", "CC-BY-4.0")
    assert [entry.path for entry in made.files] == ["train.jsonl"]
    assert made.sha256 == hash_folder(store.folder(made.id))
    assert store.ref(made.id) == ArtifactRef(id=made.id, sha256=made.sha256)


def test_a_draft_is_seen_by_nobody_until_it_is_committed(store: ArtifactStore) -> None:
    draft = store.begin("adapter", "a")
    (draft.folder / "x").write_text("x")
    assert store.list() == []
    with pytest.raises(NotFoundError):
        store.get(draft.id)
    assert draft.commit().id == draft.id
    assert [artifact.id for artifact in store.list()] == [draft.id]


def test_a_discarded_draft_leaves_nothing(store: ArtifactStore) -> None:
    draft = store.begin("adapter", "a")
    (draft.folder / "x").write_text("x")
    draft.discard()
    assert list(store.root.iterdir()) == []


def test_a_draft_without_files_is_refused(store: ArtifactStore) -> None:
    with pytest.raises(StateError) as caught:
        store.begin("adapter", "empty one").commit()
    assert caught.value.code == "artifact_empty"


def test_the_list_is_newest_first_and_by_kind(store: ArtifactStore) -> None:
    first, second = _make(store, "first"), _make(store, "second")
    draft = store.begin("adapter", "a")
    (draft.folder / "x").write_text("x")
    adapter = draft.commit()
    assert [artifact.id for artifact in store.list()] == [adapter.id, second.id, first.id]
    assert [artifact.id for artifact in store.list("dataset")] == [second.id, first.id]


def test_a_damaged_manifest_is_left_out_of_the_list_and_named_on_request(store: ArtifactStore) -> None:
    good, bad = _make(store, "good"), _make(store, "bad")
    (store.root / bad.id / "artifact.json").write_text('{"id": ')
    assert [artifact.id for artifact in store.list()] == [good.id]
    with pytest.raises(InputError) as caught:
        store.get(bad.id)
    assert caught.value.code == "artifact_unreadable"


def test_another_store_sees_what_was_made_since(workspace: Workspace, store: ArtifactStore) -> None:
    other = ArtifactStore(workspace)
    assert other.list() == []
    made = _make(store, "later")
    assert [artifact.id for artifact in other.list()] == [made.id]
    store.delete(made.id)
    assert other.list() == []


@pytest.mark.parametrize("bad", ["", "..", ".draft-1-x", "a/b", "../jobs", "a\0b", "nothing"])
def test_an_id_that_is_no_plain_name_finds_nothing(store: ArtifactStore, bad: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        store.get(bad)
    assert caught.value.code == "artifact_missing"


def test_files_are_found_inside_the_folder_only(store: ArtifactStore, tmp_path: Path) -> None:
    made = _make(store, "faq")
    assert store.file(made.id, "train.jsonl").read_text().startswith("{")
    (tmp_path / "secret").write_text("x")
    (store.folder(made.id) / "link").symlink_to(tmp_path / "secret")
    for outside in ("../../workspace.json", str(tmp_path / "secret"), "link"):
        with pytest.raises(InputError) as caught:
            store.file(made.id, outside)
        assert caught.value.code == "path_outside"
    with pytest.raises(NotFoundError) as missing:
        store.file(made.id, "gone.jsonl")
    assert missing.value.code == "artifact_file_missing"


def test_what_others_were_made_from_is_not_deleted(store: ArtifactStore) -> None:
    source = _make(store, "source")
    by_id = _make(store, "by id", (store.ref(source.id),))
    by_path = _make(store, "by path", (ref_path(store.file(source.id, "train.jsonl")),))
    assert {user.id for user in store.users_of(source.id)} == {by_id.id, by_path.id}
    with pytest.raises(StateError) as caught:
        store.delete(source.id)
    assert caught.value.code == "artifact_in_use"
    assert "by id" in str(caught.value.params["names"])
    assert "by path" in str(caught.value.params["names"])
    store.delete(by_id.id)
    store.delete(by_path.id)
    assert store.delete(source.id) > 0
    assert store.list() == []


def test_a_longer_id_with_the_same_beginning_is_no_user(store: ArtifactStore) -> None:
    source = _make(store, "source")
    other = ArtifactRef(id=str(store.root / f"{source.id}0" / "train.jsonl"), sha256="0")
    _make(store, "stranger", (other,))
    assert store.users_of(source.id) == []


def test_deleting_tells_the_bytes_that_the_artifact_took(store: ArtifactStore) -> None:
    made = _make(store, "faq")
    taken = store.disk_bytes(made.id)
    assert taken > len((store.folder(made.id) / "train.jsonl").read_bytes())
    assert store.delete(made.id) == taken


def test_drafts_of_dead_processes_and_interrupted_deletions_are_swept(store: ArtifactStore) -> None:
    kept = _make(store, "kept")
    living = store.begin("adapter", "living")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = store.root / f".draft-{dead.pid}-adapter-1"
    left.mkdir()
    (store.root / ".trash-dataset-1").mkdir()
    assert sweep_leftovers(store.root, lambda pid: pid == os.getpid()) == 2
    assert living.folder.is_dir()
    assert not left.exists()
    assert [artifact.id for artifact in store.list()] == [kept.id]


def test_a_process_killed_while_it_writes_leaves_no_artifact(workspace: Workspace) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from workbench.artifacts import ArtifactStore; from workbench.paths import Workspace\n"
        "draft = ArtifactStore(Workspace(Path(sys.argv[1]))).begin('adapter', 'half')\n"
        "(draft.folder / 'weights').write_bytes(b'0' * 1000)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert ArtifactStore(workspace).list() == []
    assert sweep_leftovers(workspace.artifacts, lambda _: False) == 1
