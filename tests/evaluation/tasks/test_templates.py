from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.evaluation.tasks.questions import Question
from workbench.evaluation.tasks.templates import MAX_PROMPT, PromptTemplate
from workbench.schemas.tasks import AnswerPattern, TaskPrompt

SHOTS = (
    Question(id="a", input="1+1?", question="1+1?", output="2"),
    Question(id="b", input="2+2?", question="2+2?", output="4"),
)
LOOPING = "{% for s in few_shots %}{{ s.input }} -> {{ s.output }}\n{% endfor %}{{ input }} ->"


def make(template: str, pattern: AnswerPattern = "", shots: tuple[Question, ...] = SHOTS) -> PromptTemplate:
    return PromptTemplate(TaskPrompt(template=template, answer_pattern=pattern), shots, "mine")


def ask(text: str, **more: tuple[str, ...]) -> Question:
    return Question(id="", input=text, question=text, **more)


def test_a_template_shows_the_examples_and_the_question() -> None:
    made = make(LOOPING)
    assert made.render(ask("3+3?")) == "1+1? -> 2\n2+2? -> 4\n3+3? ->"
    assert made.shots == 2


def test_a_template_without_a_loop_over_the_examples_has_no_shots_whatever_was_asked() -> None:
    assert make("/no_think {{ input }}").shots == 0


def test_only_examples_with_their_answers_count_as_shots() -> None:
    assert make("{% for s in few_shots %}{{ s.input }}\n{% endfor %}{{ input }}").shots == 0
    assert make("{{ few_shots[0].input }} {{ few_shots[0].output }} {{ input }}").shots == 1


def test_examples_show_their_answers_in_the_form_that_is_asked_for() -> None:
    rendered = make(LOOPING, "answer_tags_jp").render(ask("3+3?"))
    assert "1+1? -> <answer>2</answer>" in rendered


def test_the_last_line_break_is_sent_as_it_is_written() -> None:
    assert make("{{ input }}\n").render(ask("q")) == "q\n"
    assert make("{{ input }}").render(ask("q")) == "q"


def test_braces_in_a_question_are_text() -> None:
    assert make("{{ input }}").render(ask("{{ 7*7 }} {% if %}")) == "{{ 7*7 }} {% if %}"


def test_the_slot_of_a_dumped_template_is_filled_once() -> None:
    made = make("### 入力:\n<%input%>\n### 応答:\n")
    assert made.render(ask("a <%input%> b")) == "### 入力:\na <%input%> b\n### 応答:\n"


def test_choices_and_documents_can_be_listed() -> None:
    made = make("{% for c in choices %}{{ loop.index0 }}.{{ c }} {% endfor %}{{ documents | join('/') }}")
    assert made.render(ask("q", choices=("x", "y"), documents=("d", "e"))) == "0.x 1.y d/e"


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("{{ 'a' * 1000000000 }}", "Mul"),
        ("{{ 10 ** 10 ** 10 }}", "Pow"),
        ("{{ '%01000000000d' % 1 }}", "Mod"),
        ("{% set x = input %}{{ x }}", "Assign"),
        ("{{ input.__class__.__mro__ }}", "__mro__"),
        ("{{ input | center(1000000000) }}", "center"),
        ("{{ documents | join(input | join(input)) }}", "join"),
        ("{{ range(10) }}", "( )"),
        ("{% for i in range(1000000) %}{% endfor %}", "for"),
        ("{% for s in few_shots recursive %}{{ loop(few_shots) }}{% endfor %}", "for"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "Macro"),
        ("{% include 'x' %}", "Include"),
        ("{{ self }}", "self"),
        ("{{ input.format(x=1) }}", "( )"),
    ],
)
def test_what_could_reach_out_or_never_end_is_refused_by_line(template: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        make(f"\n{template}")
    assert caught.value.code == "task_template_refused"
    assert caught.value.params["part"] == part
    assert caught.value.params["line"] == 2


def test_loops_inside_each_other_and_long_chains_are_bounded() -> None:
    loop = "{% for s in few_shots %}"
    with pytest.raises(InputError, match="task_template_refused"):
        make(loop * 3 + "{% endfor %}" * 3)
    with pytest.raises(InputError, match="task_template_refused"):
        make("{{ input" + " ~ input" * 60 + " }}")


def test_a_mistake_in_a_template_names_its_line() -> None:
    with pytest.raises(InputError) as caught:
        make("{{ input }}\n\n{{ x y }}")
    assert (caught.value.code, caught.value.params["line"]) == ("task_template_bad", 3)


@pytest.mark.parametrize("template", ["{{ qestion }}", "{{ few_shots[9].input }}", "{{ input + 1 }}"])
def test_a_name_that_does_not_exist_is_told(template: str) -> None:
    with pytest.raises(InputError, match="task_template_failed"):
        make(template)


def test_a_prompt_is_bounded() -> None:
    with pytest.raises(InputError, match="task_prompt_too_long"):
        make("{{ input }}").render(ask("あ" * (MAX_PROMPT + 1)))
