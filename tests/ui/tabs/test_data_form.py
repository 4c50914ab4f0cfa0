import json
from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import finish
from workbench.cli.commands.generate import read_config
from workbench.cli.context import CliContext
from workbench.cli.output import Output
from workbench.cli.parser import build_parser
from workbench.errors import ConfigError, InputError, NotFoundError
from workbench.inference import EndpointRegistry
from workbench.schemas.generation import RaftConfig
from workbench.schemas.inference import Endpoint
from workbench.ui.context import UiContext
from workbench.ui.tabs import data_form as form

ROWS = 40


@pytest.fixture
def faq(tmp_path: Path) -> Path:
    path = tmp_path / "faq.csv"
    groups = ["税", "年金"]
    lines = [f"質問{i}ですか。,これは{i}番目の答えの文章です。,{groups[i % 2]}" for i in range(ROWS)]
    path.write_text("\n".join(["質問,回答,部署", *lines]), encoding="utf-8")
    return path


def values(source: str, **changes: Any) -> dict[str, Any]:
    sizes = {"train": 10, "test": 4, "unseen": 2, "unanswerable": 3}
    chosen = {"source": source, "question": "質問", "answer": "回答", "group_column": "部署", "group": "税"}
    return {**sizes, **chosen, "teacher": form.EXTRACTIVE, "token": "t", **changes}


def upload(ctx: UiContext, faq: Path) -> str:
    return str(form.choose_upload(ctx, str(faq))[0])


def test_a_dropped_file_is_kept_and_its_columns_are_guessed(ctx: UiContext, faq: Path) -> None:
    opened = form.choose_upload(ctx, str(faq))
    assert Path(opened[0]).is_relative_to(ctx.workspace.uploads)
    assert [update["value"] for update in opened[1:4]] == ["質問", "回答", "部署"]
    assert opened[4]["visible"] is True
    assert "40 行のうち 40 行が使えます" in opened[5]
    assert opened[6]["value"] in ("税", "年金")


def test_suggested_sizes_fit_into_the_file(ctx: UiContext, faq: Path) -> None:
    sizes = form.choose_upload(ctx, str(faq))[-4:]
    assert 0 < sum(sizes) <= ROWS


def test_without_a_group_there_is_no_unseen_test_set(ctx: UiContext, faq: Path) -> None:
    source = upload(ctx, faq)
    whole = form.choose_group(ctx, source, "質問", "回答", "部署", "")
    assert whole[2] == 0
    assert form.choose_group(ctx, source, "質問", "回答", "部署", "税")[2] > 0


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 50, b"a\n1\n2\n3\n"])
def test_a_file_that_cannot_be_used_is_explained_in_place_and_nothing_can_start(
    ctx: UiContext, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    opened = form.choose_upload(ctx, str(path))
    assert "wb-error" in str(opened[5])
    with pytest.raises(InputError):
        form.start_generation(ctx, **values(str(opened[0]), question="", answer="", group_column=""))
    assert ctx.jobs.list() == []


def test_a_wrong_column_is_explained_in_place(ctx: UiContext, faq: Path) -> None:
    shown = form.show_table(ctx, upload(ctx, faq), "部署", "ない列", "")
    assert "wb-error" in str(shown[0])


def test_a_forged_path_is_never_opened(ctx: UiContext) -> None:
    with pytest.raises(InputError, match="faq_not_chosen"):
        form.show_table(ctx, "/etc/passwd", "", "", "")
    with pytest.raises(InputError, match="faq_not_chosen"):
        form.start_generation(ctx, **values("/etc/passwd"))


def test_starting_submits_a_job_with_what_the_page_says(ctx: UiContext, faq: Path) -> None:
    form.start_generation(ctx, **values(upload(ctx, faq), distractors=2))
    job = ctx.jobs.list(kind="generate_raft")[0]
    config = RaftConfig.model_validate(job.spec.config)
    assert (config.train, config.group, config.distractors, config.teacher) == (10, "税", 2, "extractive")
    assert config.source.group_column == "部署"


def test_a_double_click_starts_once(ctx: UiContext, faq: Path) -> None:
    given = values(upload(ctx, faq))
    form.start_generation(ctx, **given)
    form.start_generation(ctx, **given)
    assert len(ctx.jobs.list(kind="generate_raft")) == 1


def test_all_bad_fields_are_reported_at_once(ctx: UiContext, faq: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        form.start_generation(ctx, **values(upload(ctx, faq), train=-1, distractors=99))
    assert {problem.field for problem in caught.value.problems} == {
        "RaftConfig.train",
        "RaftConfig.distractors",
    }


def test_a_registered_teacher_is_used_by_name_and_its_key_by_name_only(ctx: UiContext, faq: Path) -> None:
    endpoint = Endpoint(
        name="t", base_url="https://x.example/v1", model="m", locality="cloud", api_key_env="T_KEY"
    )
    EndpointRegistry(ctx.workspace).add(endpoint)
    assert "t" in [value for _, value in form.teacher_choices(ctx)]
    form.start_generation(ctx, **values(upload(ctx, faq), teacher="t"))
    job = ctx.jobs.list(kind="generate_raft")[0]
    assert job.spec.secret_names == ("T_KEY",)
    assert job.spec.config["endpoint"]["name"] == "t"


def test_a_teacher_that_was_removed_is_refused(ctx: UiContext, faq: Path) -> None:
    with pytest.raises(NotFoundError):
        form.start_generation(ctx, **values(upload(ctx, faq), teacher="gone"))


def test_the_command_repeats_the_page(ctx: UiContext, faq: Path) -> None:
    given = values(upload(ctx, faq), oracle_share=0.5)
    command = json.loads(form.show_command(ctx, **given))["command"]
    assert "workbench generate raft" in command
    assert "--train 10" in command
    assert "--oracle-share 0.5" in command
    assert "--group '税'" in command


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"group_column": "", "group": ""},
        {"answer_max": 1_000_000, "valid_share": 0.1, "negative_ratio_max": 0.9, "seed": 7},
        {"system_prompt": "", "refusal": "お答えできません。", "extra_unanswerable": 3, "distractors": 2},
    ],
)
def test_the_command_says_all_that_the_page_says(ctx: UiContext, faq: Path, changes: dict[str, Any]) -> None:
    given = values(upload(ctx, faq), **changes)
    given.pop("token")
    config = form.read_config(ctx, given)
    _, *arguments = form.command_for(config)
    context = CliContext(ctx.workspace, "ja", Output(as_json=True, lang="ja"), {})
    assert read_config(context, build_parser("ja", arguments).parse_args(arguments)) == config


@pytest.mark.parametrize("said", ["", "お答えできません。"])
def test_the_refusal_of_the_page_is_taught_and_repeated_by_the_command(
    ctx: UiContext, faq: Path, said: str
) -> None:
    given = values(upload(ctx, faq), refusal=said)
    form.start_generation(ctx, **given)
    assert ctx.jobs.list(kind="generate_raft")[0].spec.config["refusal"] == said
    assert f"--refusal '{said}'" in json.loads(form.show_command(ctx, **given))["command"]


def test_a_refusal_that_reads_as_an_answer_is_said_before_a_job_starts(ctx: UiContext, faq: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        form.start_generation(ctx, **values(upload(ctx, faq), refusal="窓口へどうぞ。"))
    assert [problem.code for problem in caught.value.problems] == ["refusal_unclear"]
    assert ctx.jobs.list(kind="generate_raft") == []


def test_an_unfinished_form_shows_no_command(ctx: UiContext) -> None:
    assert json.loads(form.show_command(ctx, **values("")))["command"] == ""


def test_a_finished_run_shows_what_it_made_and_the_next_step(
    ctx: UiContext, faq: Path, tmp_path: Path
) -> None:
    form.start_generation(ctx, **values(upload(ctx, faq)))
    made = tmp_path / "train.jsonl"
    made.write_text('{"messages": [], "metadata": {"question": "q"}}\n', encoding="utf-8")
    result = {
        "requested": 1,
        "kept": 1,
        "files": {"train": str(made)},
        "refusal_share": 0.2,
        "difficulty": 0.7,
    }
    finish(ctx, ctx.jobs.list(kind="generate_raft")[0], result)
    card, html, _, following = form.show_run(ctx, "")
    assert card["visible"] is False
    assert "1 件" in html
    assert following["visible"] is True


def test_a_running_job_shows_its_card_and_no_result(ctx: UiContext, faq: Path) -> None:
    form.start_generation(ctx, **values(upload(ctx, faq)))
    card, html, _, following = form.show_run(ctx, "")
    assert card["visible"] is True
    assert "データ作成: faq" in card["value"]
    assert html == ""
    assert following["visible"] is False


def test_the_sample_can_be_opened_without_a_file(ctx: UiContext) -> None:
    opened = form.choose_sample(ctx)
    assert opened[0] == str(form.sample_path())
    assert opened[4]["visible"] is True
