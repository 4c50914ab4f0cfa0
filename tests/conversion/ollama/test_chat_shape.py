"""Chat templates become Go templates that print the same, or none at all."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import CHAT_TEMPLATE
from workbench.conversion.ollama.chat_shape import TRIALS, ChatShape, find_shape
from workbench.conversion.ollama.chat_template import build_render, read_chat

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n{% endif %}"
    + CHATML
)
SLASH = """
{%- set ns = namespace(think=true) -%}
{%- for m in messages -%}
{%- if m['role'] in ('user', 'system') and '/no_think' in m['content'] -%}{%- set ns.think = false -%}{%- endif -%}
{%- endfor -%}
{{- '<s><SPECIAL_10>System\\n' -}}
{%- if messages[0]['role'] == 'system' -%}{{- messages[0]['content'].replace('/no_think', '').strip() -}}{%- endif -%}
{{- '\\n' -}}
{%- for m in messages if m['role'] != 'system' -%}
{%- if m['role'] == 'user' -%}{{- '<SPECIAL_11>User\\n' + m['content'].strip() + '\\n' -}}
{%- else -%}{{- '<SPECIAL_11>Assistant\\n' + m['content'].split('</think>')[-1].strip() + '\\n<SPECIAL_12>\\n' -}}
{%- endif -%}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<SPECIAL_11>Assistant\\n' -}}
{%- if ns.think is false -%}{{- '<think></think>' -}}{%- else -%}{{- '<think>\\n' -}}{%- endif -%}{%- endif -%}
"""
ODD_TEXTS = (
    "{% for m in messages %}{% if m.role == 'system' %}　{{ m.content }}{% else %}"
    "{{ '{{' }}{{ m.role }}:\"\"\"\n{{ m.content }}\r\n{{ '\\u0007\\u200b' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}assistant 😀{{ '{' }}{% endif %}"
)
SHAPED = {
    "tiny": CHAT_TEMPLATE,
    "chatml": CHATML,
    "default system": DEFAULT_SYSTEM,
    "slash": SLASH,
    "odd": ODD_TEXTS,
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def find(template: str, **values: Any) -> ChatShape | None:
    return find_shape(build_render(template, {**TOKENS, **values}))


@pytest.mark.parametrize("name", SHAPED)
def test_templates_of_fixed_texts_have_a_shape_that_renders_the_same(name: str) -> None:
    shape = find(SHAPED[name])
    assert shape is not None
    for messages in TRIALS:
        assert shape.render(messages) == build_render(SHAPED[name], TOKENS)(messages, True)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}>",
        "{% for m in messages %}{{ m.role }}{{ m.content | upper }}{% endfor %}>",
        "{% for m in messages %}{{ m.role }}{{ m.content[:3] }}{% endfor %}>",
        "{{ strftime_now('%Y') }}{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}>",
        "{{ raise_exception('no') }}",
        "{% for m in messages %}",
        "{{ messages.__class__.__mro__ }}",
        "",
    ],
)
def test_templates_that_do_more_have_none(template: str) -> None:
    assert find(template) is None


def test_the_shape_equals_what_transformers_renders(tmp_path: Path) -> None:
    from tests.tiny_model import build_tokenizer

    tokenizer: Any = build_tokenizer()
    tokenizer.save_pretrained(str(tmp_path))
    shape = read_chat(tmp_path, {"eos_token_id": 1}, {}).shape
    assert shape is not None
    for messages in TRIALS:
        wanted = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        assert shape.render(messages) == wanted


def write_tokenizer(folder: Path, template: str, **settings: Any) -> Path:
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"chat_template": template, "bos_token": "<s>", "eos_token": {"content": "</s>"}, **settings}
        )
    )
    added = [{"id": 1, "content": "</s>"}, {"id": 7, "content": "<|im_end|>"}]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    return folder


def test_a_template_with_a_switch_has_a_shape_that_does_not_think(tmp_path: Path) -> None:
    chat = read_chat(write_tokenizer(tmp_path, CHATML), {"eos_token_id": 7}, {})
    assert chat.shape is not None
    assert chat.no_think is not None
    assert chat.no_think.generation == chat.shape.generation + "<think>\n\n</think>\n\n"
    assert chat.stops == ("<|im_end|>", "</s>")


def test_a_template_that_is_switched_by_a_word_has_one_too(tmp_path: Path) -> None:
    chat = read_chat(write_tokenizer(tmp_path, SLASH), {}, {"eos_token_id": [7, 1]})
    assert chat.no_think is not None
    assert chat.no_think.generation.endswith("<think></think>")
    assert "/no_think" not in chat.no_think.to_go()
    assert chat.no_think.render(TRIALS[0]).count("System\n") == 1


def test_a_template_without_a_switch_has_none(tmp_path: Path) -> None:
    assert read_chat(write_tokenizer(tmp_path, CHAT_TEMPLATE), {}, {}).no_think is None


def test_a_first_token_that_the_server_adds_is_left_out(tmp_path: Path) -> None:
    kept = read_chat(write_tokenizer(tmp_path, SLASH, add_bos_token=False), {}, {}).shape
    left = read_chat(write_tokenizer(tmp_path, SLASH, add_bos_token=True), {}, {}).shape
    assert kept is not None
    assert left is not None
    assert kept.render(TRIALS[1]) == "<s>" + left.render(TRIALS[1])
    folder = write_tokenizer(tmp_path, SLASH)
    content = json.loads((folder / "tokenizer.json").read_text())
    first = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}]}
    for after in (first, {"type": "Sequence", "processors": [{"type": "ByteLevel"}, first]}):
        (folder / "tokenizer.json").write_text(json.dumps(content | {"post_processor": after}))
        assert read_chat(folder, {}, {}).shape == left


GO = """
package main

import (
	"encoding/json"
	"os"
	"text/template"
)

type Message struct{ Role, Content string }

type Job struct {
	Template string
	System   string
	Messages []Message
}

func main() {
	var jobs []Job
	if err := json.NewDecoder(os.Stdin).Decode(&jobs); err != nil {
		panic(err)
	}
	for _, job := range jobs {
		parsed := template.Must(template.New("").Parse(job.Template))
		if err := parsed.Execute(os.Stdout, job); err != nil {
			panic(err)
		}
		os.Stdout.Write([]byte{0})
	}
}
"""


@pytest.mark.skipif(shutil.which("go") is None, reason="no Go here: templates are not run by Go's own engine")
def test_go_itself_prints_what_the_chat_template_prints(tmp_path: Path) -> None:
    jobs, wanted = [], []
    for template in SHAPED.values():
        shape = find(template)
        assert shape is not None
        for messages in TRIALS:
            system = "".join(m["content"] for m in messages if m["role"] == "system")
            jobs.append({"Template": shape.to_go(), "System": system, "Messages": messages})
            wanted.append(build_render(template, TOKENS)(messages, True))
    (tmp_path / "main.go").write_text(GO)
    shown = subprocess.run(
        ["go", "run", "main.go"],
        cwd=tmp_path,
        input=json.dumps(jobs).encode(),
        capture_output=True,
        check=True,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "GOCACHE": str(tmp_path / "cache"),
            "GOFLAGS": "-mod=mod",
        },
    )
    assert shown.stdout.decode().split("\0")[:-1] == wanted
