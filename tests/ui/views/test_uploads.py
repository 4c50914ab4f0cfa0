from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.paths import Workspace
from workbench.ui.views.uploads import is_known_source, keep_upload


def test_the_same_content_is_kept_once(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "faq.csv").write_text("q,a\n", encoding="utf-8")
    kept = [keep_upload(workspace, tmp_path / name / "faq.csv") for name in ("a", "b")]
    assert kept[0] == kept[1]
    assert kept[0].read_text(encoding="utf-8") == "q,a\n"


def test_a_file_with_a_strange_name_stays_in_its_folder(workspace: Workspace, tmp_path: Path) -> None:
    dropped = tmp_path / "..よくある 質問?.csv"
    dropped.write_text("q,a\n", encoding="utf-8")
    kept = keep_upload(workspace, dropped)
    assert kept.is_relative_to(workspace.uploads)
    assert kept.suffix == ".csv"


def test_a_file_that_never_arrived_is_told_as_such(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="upload_gone"):
        keep_upload(workspace, tmp_path / "gone.csv")


def test_a_page_may_name_its_uploads_and_the_sample_and_nothing_else(
    workspace: Workspace, tmp_path: Path
) -> None:
    sample = tmp_path / "sample.csv"
    assert is_known_source(workspace, str(workspace.uploads / "x" / "faq.csv"), sample)
    assert is_known_source(workspace, str(sample), sample)
    assert not is_known_source(workspace, "/etc/passwd", sample)
    assert not is_known_source(workspace, str(workspace.uploads / ".." / "endpoints.json"), sample)
