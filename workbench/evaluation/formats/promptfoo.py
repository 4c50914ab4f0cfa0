"""promptfoo: reads its results JSON, and writes a configuration that asks our questions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from workbench.errors import InputError
from workbench.evaluation.formats.imported import ImportedRun, check_ids, figure, reported_protocol
from workbench.evaluation.formats.shapes import as_mapping
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import ScoredAnswer

PROGRAM = "promptfoo"
CONFIG, TESTS = "promptfooconfig.yaml", "tests.json"
ASSERTIONS = {
    "jcq_llmjp": "output.split('\\n')[0].trim().normalize('NFKC') === context.vars.expected",
    "jcq_chat": "(output.match(/[0-4]/) || [''])[0] === context.vars.expected",
    "choice": "output.trim() === context.vars.expected",
    "gsm8k": (
        "((output.match(/-?[0-9][0-9,]*(\\.[0-9]+)?/g) || ['']).pop().replace(/,/g, '')) === "
        "context.vars.expected.split('####').pop().trim().replace(/,/g, '')"
    ),
    "exact_match_ja": "output.trim() === context.vars.expected",
}
"""JavaScript that says whether an answer is right, by protocol; the others need our scorer."""
Result = Mapping[str, Any]


def is_promptfoo(content: Result) -> bool:
    """Whether a JSON object has the shape of promptfoo's results."""
    return "results" in content and isinstance(_rows(content), list)


def read_promptfoo(content: Result, path: Path, provider: str = "") -> ImportedRun:
    """One provider's answers.

    Args:
        content: The file's content.
        path: For messages and the label.
        provider: Which provider, where the file holds several.

    Raises:
        InputError: `import_choose_provider`, `import_record_bad`, `import_ids_repeat`, `import_empty`.
    """
    grouped: dict[str, list[ScoredAnswer]] = {}
    for number, item in enumerate(_rows(content) or (), start=1):
        if not isinstance(item, Mapping) or "testIdx" not in item:
            raise InputError("import_record_bad", path=str(path), number=number)
        row = cast("Result", item)
        grouped.setdefault(_provider(row), []).append(_read_row(row))
    if len(grouped) > 1 and provider not in grouped:
        raise InputError("import_choose_provider", path=str(path), known=", ".join(sorted(grouped)))
    chosen = provider if provider in grouped else next(iter(grouped), "")
    answers = grouped.get(chosen, [])
    check_ids(answers, str(path))
    protocol = reported_protocol(PROGRAM, path.stem, answers, "passed")
    figures, facts = figure(PROGRAM, answers, protocol, 0)
    details = {
        "imported": {"program": PROGRAM, "file": path.name, "provider": chosen},
        "endpoint": {"model": chosen},
        "tasks": {PROGRAM: facts},
    }
    note = Sentence(code="import_scores_reported", params={"task": PROGRAM, "program": PROGRAM})
    return ImportedRun(path.stem, answers, {PROGRAM: figures}, details, (note,))


def _rows(content: Result) -> list[object] | None:
    results: object = content.get("results")
    inner = cast("Result", results).get("results") if isinstance(results, Mapping) else results
    return cast("list[object]", inner) if isinstance(inner, list) else None


def _provider(row: Result) -> str:
    provider = row.get("provider")
    if isinstance(provider, Mapping):
        inner = cast("Result", provider)
        return str(inner.get("label") or inner.get("id") or "")
    return str(provider or "")


def _read_row(row: Result) -> ScoredAnswer:
    variables, response = as_mapping(row.get("vars")), as_mapping(row.get("response"))
    output = response.get("output")
    text = (
        output
        if isinstance(output, str)
        else ""
        if output is None
        else json.dumps(output, ensure_ascii=False)
    )
    # `error` also holds the reason of a failed assertion; without any output there is no answer
    failed = output is None
    state = "error" if failed else "answered" if text.strip() else "empty"
    scores = {"passed": float(bool(row.get("success")))} | _number("score", row.get("score"))
    return ScoredAnswer(
        id=f"{row['testIdx']}-{row.get('promptIdx', 0)}",
        kind="task",
        task=PROGRAM,
        question=str(
            variables.get("question") or variables.get("prompt") or json.dumps(variables, ensure_ascii=False)
        ),
        target=str(variables.get("expected") or ""),
        prediction=text,
        answer_state="error" if failed else "ok" if text.strip() else "empty",
        state=state,
        primary="passed",
        scores=scores if state == "answered" else {},
        seconds=_number("s", row.get("latencyMs")).get("s", 0.0) / 1000,
        error_code="answer_server_error" if failed else "",
    )


def _number(name: str, value: object) -> dict[str, float]:
    return {name: float(value)} if isinstance(value, int | float) else {}


def write_promptfoo(
    folder: Path, answers: Sequence[ScoredAnswer], protocols: Mapping[str, str], details: Mapping[str, Any]
) -> dict[str, Any]:
    """A configuration that asks the questions of a run again.

    Args:
        folder: Where to write.
        answers: Answers with their prompts.
        protocols: Name of each task's protocol, which decides the assertion.
        details: The run's details: the endpoint and the sampling.

    Returns:
        The files written, and how many questions have no assertion.
    """
    asked = [answer for answer in answers if answer.messages]
    endpoint, sampling = as_mapping(details.get("endpoint")), as_mapping(details.get("sampling"))
    tasks = cast("Mapping[str, Mapping[str, Any]]", details.get("tasks") or {})
    tokens = max((int(task.get("max_tokens", 0)) for task in tasks.values()), default=0)
    config: dict[str, Any] = {
        "description": str(details.get("label") or "workbench"),
        "prompts": ["file://prompt.json"],
        "providers": [
            {
                "id": f"openai:chat:{endpoint.get('model') or 'model'}",
                "config": {
                    "apiBaseUrl": endpoint.get("base_url") or "http://127.0.0.1:8000/v1",
                    "apiKeyEnvar": endpoint.get("api_key_env") or "OPENAI_API_KEY",
                    "temperature": sampling.get("temperature", 0.0),
                    "max_tokens": tokens or sampling.get("max_tokens", 512),
                },
            }
        ],
        "tests": f"file://{TESTS}",
    }
    tests = [_test(answer, protocols.get(answer.task, "")) for answer in asked]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(
        yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    (folder / "prompt.json").write_text(_PROMPT, encoding="utf-8")
    (folder / TESTS).write_text(json.dumps(tests, ensure_ascii=False, indent=1), encoding="utf-8")
    return {
        "files": [str(folder / name) for name in (CONFIG, "prompt.json", TESTS)],
        "questions": len(tests),
        "without_assertion": sum("assert" not in test for test in tests),
        "without_prompt": len(answers) - len(asked),
    }


_PROMPT = """[
{% if system %}{"role": "system", "content": {{ system | dump }}},{% endif %}
{"role": "user", "content": {{ prompt | dump }}}
]
"""


def _test(answer: ScoredAnswer, protocol: str) -> dict[str, Any]:
    texts = {message.role: message.content for message in answer.messages}
    variables = {
        "system": _shield(texts.get("system", "")),
        "prompt": _shield(texts.get("user", "")),
        "question": _shield(answer.question),
        "expected": _shield(answer.target),
    }
    test: dict[str, Any] = {"description": answer.key, "vars": variables}
    if protocol in ASSERTIONS:
        test["assert"] = [{"type": "javascript", "value": ASSERTIONS[protocol]}]
    return test


def _shield(text: str) -> str:
    """Promptfoo renders values as templates too; braces of a question must stay as they are."""
    marked = any(mark in text for mark in ("{{", "{%", "{#"))
    return "{% raw %}" + text + "{% endraw %}" if marked and "endraw" not in text else text
