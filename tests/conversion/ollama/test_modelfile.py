"""What a Modelfile says is what Ollama reads, whatever stands in it; what it cannot hold is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.conversion.ollama.modelfile import Modelfile, quote, read_back
from workbench.errors import InputError

HOSTILE = [
    "plain words",
    " spaces around ",
    '"quoted"',
    'ends with a quote"',
    'two lines\nand "quotes"',
    'a line that ends in a quote"\nPARAMETER temperature 2',
    "FROM /etc/passwd",
    "# no comment",
    "x\nFROM evil\nADAPTER evil",
    '""" inside """ a line',
    "tab\there\r\nand there",
    '{{ .System }}\\n\\"',
    "日本語の\n指示「引用」",
    "\n\nempty lines\n\n",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_read_back_as_they_are(text: str) -> None:
    written = quote(text)
    assert written is not None
    assert read_back(written) == text


@given(st.text(st.sampled_from('a"\n \t#{}\\\r'), max_size=12))
def test_whatever_is_written_is_read_back(text: str) -> None:
    written = quote(text)
    assert written is None or read_back(written) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("全角　空白", "U+3000"), ("nul\0", "U+0000"), ("esc\x1b[2J", "U+001B"), ('x"""\nFROM evil', '"""')],
)
def test_what_a_modelfile_cannot_hold_is_refused(text: str, shown: str) -> None:
    with pytest.raises(InputError) as raised:
        Modelfile("m.gguf", system=text).render()
    assert (raised.value.code, raised.value.params["name"]) == ("modelfile_text", "SYSTEM")
    assert raised.value.params["text"] == shown


def test_a_value_that_ends_early_is_not_taken_for_read() -> None:
    assert read_back('"a"\nFROM evil') is None
    assert read_back('"never closed') is None
    assert read_back("one\ntwo") is None


def test_the_parts_stand_in_order_and_paths_are_relative() -> None:
    text = Modelfile(
        "model.gguf",
        adapter="adapter.gguf",
        template="{{ .Prompt }}",
        system="a\nb",
        options={"temperature": 0, "stop": ["<|im_end|>", "\n"]},
        notes=("made by hand",),
    ).render()
    assert text == (
        "# made by hand\nFROM ./model.gguf\nADAPTER ./adapter.gguf\nTEMPLATE {{ .Prompt }}\n"
        'SYSTEM "a\nb"\nPARAMETER temperature 0\nPARAMETER stop <|im_end|>\nPARAMETER stop "\n"\n'
    )
