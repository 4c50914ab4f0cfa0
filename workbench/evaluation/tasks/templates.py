"""Prompt templates: Jinja, of which only what a prompt needs is let through.

A task file may come from anywhere. The sandbox keeps a template from reaching into the program; the list of
allowed parts keeps it from running for hours or filling the memory: loops run over the solved examples, the
choices and the documents only, and nothing multiplies texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workbench.errors import InputError
from workbench.evaluation.tasks.llmjp import ANSWER_FORMS, SLOT, show_output
from workbench.evaluation.tasks.questions import Question
from workbench.schemas.tasks import TaskPrompt

MAX_PROMPT = 2_000_000
"""Characters of one prompt."""
MAX_LOOPS = 2
"""Loops inside each other."""
MAX_JOINED = 50
"""Places where texts are joined within expressions."""
LOOPED = frozenset({"few_shots", "choices", "documents"})
FILTERS = frozenset({"trim", "lower", "upper", "join", "length", "default", "d", "first", "last", "string"})
METHODS = frozenset({"strip", "lstrip", "rstrip", "lower", "upper", "startswith", "endswith"})
ATTRIBUTES = METHODS | {"input", "output", "index", "index0", "first", "last", "length"}
_ALLOWED: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Const),
    *(nodes.Getattr, nodes.Getitem, nodes.Call, nodes.Filter, nodes.Test, nodes.CondExpr, nodes.Compare),
    *(nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Concat),
)
SENTINEL = "\x00question\x00"
"""Stands for the question while the shots are counted; no file can hold it."""


class _Environment(ImmutableSandboxedEnvironment):
    """Attributes by name, and no helper functions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._known: dict[tuple[type[Any], str], bool] = {}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr not in ATTRIBUTES:
            return False
        # Jinja judges by the object's class, and the loops of a thousand prompts ask five thousand times
        key = (cast("type[Any]", type(obj)), attr)
        if key not in self._known:
            self._known[key] = super().is_safe_attribute(obj, attr, value)
        return self._known[key]


@dataclass(frozen=True)
class Shot:
    """A solved example as templates see it."""

    input: str
    output: str


class PromptTemplate:
    """A task's template, checked and compiled.

    Args:
        prompt: The task's prompt settings.
        shots: Solved examples, the same for every question.
        name: Whose template it is, for messages.

    Raises:
        InputError: `task_template_bad` or `task_template_refused`; both name the line.
    """

    def __init__(self, prompt: TaskPrompt, shots: Sequence[Question], name: str) -> None:
        self._prompt = prompt
        self._name = name
        self._shots = [Shot(shot.input, show_output(shot.output, prompt.answer_pattern)) for shot in shots]
        self._has_slot = SLOT in prompt.template
        environment = _Environment(autoescape=False, keep_trailing_newline=True, undefined=StrictUndefined)
        environment.globals.clear()
        try:
            _check(environment.parse(prompt.template), name)
            self._template = environment.from_string(prompt.template)
        except TemplateSyntaxError as exc:
            raise InputError(
                "task_template_bad", task=name, line=exc.lineno, reason=exc.message or ""
            ) from exc
        except (TemplateError, RecursionError) as exc:
            raise InputError("task_template_bad", task=name, line=1, reason=str(exc)[:200]) from exc
        self.shots = self._count_shots()
        """Solved examples that stand in the prompt, whatever the setting says."""

    def render(self, question: Question) -> str:
        """The prompt of a question."""
        return self._fill(question, question.input)

    def _fill(self, question: Question, text: str) -> str:
        # dumped templates are rendered once and then filled, so that braces in a question stay as they are
        rendered = self._render(question, SLOT if self._has_slot else text)
        return rendered.replace(SLOT, text) if self._has_slot else rendered

    def _render(self, question: Question, text: str) -> str:
        parts: list[str] = []
        total = 0
        try:
            for part in self._template.generate(
                dataset_instruction=self._prompt.instruction,
                answer_pattern=ANSWER_FORMS[self._prompt.answer_pattern],
                default_system_prompt=self._prompt.system,
                few_shots=self._shots,
                input=text,
                question=question.question,
                choices=list(question.choices),
                documents=list(question.documents),
            ):
                parts.append(part)
                total += len(part)
                if total > MAX_PROMPT:
                    raise InputError("task_prompt_too_long", task=self._name, limit=MAX_PROMPT)
        except (TemplateError, TypeError, ValueError) as exc:
            raise InputError("task_template_failed", task=self._name, reason=str(exc)[:200]) from exc
        return "".join(parts)

    def _count_shots(self) -> int:
        """Examples whose question and, after it, answer stand in the prompt, in their order."""
        probe = Question(id="", input=SENTINEL, question=SENTINEL, choices=(SENTINEL,), documents=(SENTINEL,))
        rest, found = self._fill(probe, SENTINEL), 0
        for number, shot in enumerate(self._shots, start=1):
            end = self._shots[number].input.strip() if number < len(self._shots) else SENTINEL
            _, asked, after = rest.partition(shot.input.strip())
            if asked and shot.output.strip() in after.partition(end)[0]:
                rest, found = after, found + 1
        return found


def _check(tree: nodes.Template, name: str) -> None:
    for node in tree.find_all(nodes.Node):
        reason = _objection(node)
        if reason:
            raise InputError("task_template_refused", task=name, line=node.lineno, part=reason)
    if sum(map(_joined, tree.find_all((nodes.Add, nodes.Concat, nodes.Filter)))) > MAX_JOINED:
        raise InputError("task_template_refused", task=name, line=1, part="~ + |")
    if _depth(tree) > MAX_LOOPS:
        raise InputError("task_template_refused", task=name, line=1, part="for … for … for")


def _joined(node: nodes.Node) -> int:
    return len(node.nodes) if isinstance(node, nodes.Concat) else 1


def _objection(node: nodes.Node) -> str:
    """What of a node is not allowed, empty where nothing is."""
    if not isinstance(node, _ALLOWED):
        return type(node).__name__
    if isinstance(node, nodes.For) and (node.recursive or not _is_list(node.iter)):
        return "for"
    if isinstance(node, nodes.Filter) and not _is_filter(node):
        return node.name
    if isinstance(node, nodes.Name) and node.name == "self":
        return node.name
    if isinstance(node, nodes.Getattr) and node.attr not in ATTRIBUTES:
        return node.attr
    if isinstance(node, nodes.Call) and not (
        isinstance(node.node, nodes.Getattr) and node.node.attr in METHODS
    ):
        return "( )"
    return ""


def _is_filter(node: nodes.Filter) -> bool:
    # a separator that is itself joined would let texts grow with every nesting
    plain = all(isinstance(argument, nodes.Const) for argument in node.args) and not node.kwargs
    return node.name in FILTERS and plain


def _is_list(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name in LOOPED


def _depth(node: nodes.Node) -> int:
    """How many loops stand inside each other."""
    inner = max((_depth(child) for child in node.iter_child_nodes()), default=0)
    return inner + isinstance(node, nodes.For)
