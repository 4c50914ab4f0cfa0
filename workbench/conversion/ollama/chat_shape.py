"""The shape of a chat template: what stands before and after each turn.

Ollama's TEMPLATE is written in Go's template language, a model's own one in Jinja. Most of them only put fixed
texts around the turns. These texts are found by rendering marked conversations; the shape counts only where it
then renders a whole set of other conversations exactly as the template itself does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.conversion.ollama.modelfile import is_kept

Messages = Sequence[Mapping[str, str]]
Render = Callable[[Messages, bool], str | None]
"""Renders messages, with or without the beginning of the next answer; None where the template refuses."""

SYSTEM, USER, ANSWER, LAST = "qzSYSTEMzq", "qzUSERzq", "qzANSWERzq", "qzLASTzq"


def _say(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


TRIALS: tuple[Messages, ...] = (
    (_say("user", "質問です。"),),
    (_say("system", "簡潔に答えてください。"), _say("user", "図書館は何時に開きますか。")),
    (_say("user", "a"), _say("assistant", "b"), _say("user", "c")),
    (
        _say("system", "You answer.\nIn two lines."),
        _say("user", "one\n\ntwo"),
        _say("assistant", "{{ .Content }} %}"),
        _say("user", "<b>\"three\"</b> 'x'"),
        _say("assistant", "参考文書1に「午前九時」と記載されています。"),
        _say("user", "ok?"),
    ),
)
"""Conversations that a shape must render as its template does."""


@dataclass(frozen=True)
class ChatShape:
    """Texts around the turns."""

    before_system: str
    after_system: str
    without_system: str
    """Stands in the place of the system turn where there is none."""
    before_user: str
    after_user: str
    before_answer: str
    after_answer: str
    generation: str
    """Beginning of the answer that the model goes on with."""

    def render(self, messages: Messages) -> str:
        """A conversation that ends with a question, as `to_go` renders it on the server."""
        system = [message["content"] for message in messages if message["role"] == "system"]
        text = self.before_system + system[0] + self.after_system if system else self.without_system
        for message in messages:
            if message["role"] == "user":
                text += self.before_user + message["content"] + self.after_user
            elif message["role"] == "assistant":
                text += self.before_answer + message["content"] + self.after_answer
        return text + self.generation

    def without_start(self, token: str) -> ChatShape:
        """The same without a first token that the server adds itself."""
        return replace(
            self,
            before_system=self.before_system.removeprefix(token),
            without_system=self.without_system.removeprefix(token),
        )

    def to_go(self) -> str:
        """The shape in Go's template language.

        Where the last message is an answer, it is left open to be gone on with.
        """
        parts = {name: _literal(value) for name, value in vars(self).items()}
        return _GO % parts


_GO = (
    "{{ if .System }}%(before_system)s{{ .System }}%(after_system)s{{ else }}%(without_system)s{{ end }}"
    "{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
    '{{ if eq .Role "user" }}%(before_user)s{{ .Content }}%(after_user)s'
    '{{ else if eq .Role "assistant" }}%(before_answer)s{{ .Content }}'
    "{{ if not $last }}%(after_answer)s{{ end }}{{ end }}"
    '{{ if and $last (ne .Role "assistant") }}%(generation)s{{ end }}{{ end }}'
)


def _literal(text: str) -> str:
    """Fixed text as Go prints it unchanged; as a quoted string where it could be taken for something else."""
    plain = all(is_kept(char) and char != "\r" for char in text)
    if plain and "{{" not in text and '"""' not in text and not text.endswith("{"):
        return text
    # JSON's escapes are a part of Go's, but for characters beyond 16 bits, which print as they are
    quoted = "".join(char if ord(char) > 0xFFFF else json.dumps(char)[1:-1] for char in text)
    return '{{ "' + quoted + '" }}'


def find_shape(render: Render) -> ChatShape | None:
    """The shape of a template; None where it is more than fixed texts around turns."""
    shape = _derive(render)
    if shape is None or any(render(messages, True) != shape.render(messages) for messages in TRIALS):
        return None
    return shape


def _derive(render: Render) -> ChatShape | None:
    turns = (_say("system", SYSTEM), _say("user", USER), _say("assistant", ANSWER), _say("user", LAST))
    parts = _split(render(turns, True), (SYSTEM, USER, ANSWER, LAST))
    closed = _split(render(turns, False), (LAST,))
    bare = _split(render((_say("user", USER),), True), (USER,))
    if parts is None or closed is None or bare is None:
        return None
    start, to_user, to_answer, to_last, end = parts
    after_user = closed[1]
    before_user = _shared_end(_shared_end(to_user, to_last), bare[0])
    if not end.startswith(after_user) or not to_answer.startswith(after_user):
        return None
    return ChatShape(
        before_system=start,
        after_system=to_user.removesuffix(before_user),
        without_system=bare[0].removesuffix(before_user),
        before_user=before_user,
        after_user=after_user,
        before_answer=to_answer.removeprefix(after_user),
        after_answer=to_last.removesuffix(before_user),
        generation=end.removeprefix(after_user),
    )


def _split(text: str | None, marks: Sequence[str]) -> list[str] | None:
    parts: list[str] = []
    for mark in marks:
        if text is None or text.count(mark) != 1:
            return None
        before, text = text.split(mark)
        parts.append(before)
    return [*parts, text or ""]


def _shared_end(one: str, other: str) -> str:
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return one[len(one) - length :]
