from __future__ import annotations

import io
import logging
from typing import cast

import pytest

from workbench.jobs.redaction import (
    RedactingFilter,
    RedactingStream,
    Redactor,
    is_secret_name,
    missing_secrets,
    worker_environment,
)

ENVIRON = {
    "OPENAI_API_KEY": "sk-abcdef123",
    "HF_TOKEN": "hf_zyx987654",
    "PATH": "/usr/bin",
    "PLAIN_AUTH": "bearer-42",
}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("OPENAI_API_KEY", True),
        ("hf_token", True),
        ("DB_PASSWORD", True),
        ("PATH", False),
        ("KEYBOARD", False),
    ],
)
def test_the_name_tells_what_is_secret(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_a_worker_gets_only_the_secrets_that_its_job_names() -> None:
    assert worker_environment(ENVIRON, ["HF_TOKEN"]) == {
        "HF_TOKEN": "hf_zyx987654",
        "PATH": "/usr/bin",
        "PLAIN_AUTH": "bearer-42",
    }


def test_missing_and_empty_secrets_are_named() -> None:
    assert missing_secrets({"A_KEY": "", "B_KEY": "x"}, ["A_KEY", "B_KEY", "C_KEY"]) == ["A_KEY", "C_KEY"]


def test_values_are_masked_also_of_names_that_do_not_tell() -> None:
    redactor = Redactor(ENVIRON, ["PLAIN_AUTH"])
    assert (
        redactor.mask("sk-abcdef123, hf_zyx987654 and bearer-42 in /usr/bin")
        == "***, *** and *** in /usr/bin"
    )


def test_a_secret_that_contains_another_is_masked_as_a_whole() -> None:
    assert Redactor({"A_KEY": "secret", "B_KEY": "secret-and-more"}).mask("secret-and-more") == "***"


def test_short_values_do_not_blot_out_ordinary_words() -> None:
    assert Redactor({"A_KEY": "on", "B_KEY": ""}).mask("one on one") == "one on one"


def test_log_records_are_masked_with_their_arguments_and_tracebacks() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter(Redactor(ENVIRON)))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError("refused: sk-abcdef123")
    except ValueError:
        logger.exception("call with %s failed", ENVIRON["OPENAI_API_KEY"])
    assert "sk-abcdef123" not in stream.getvalue()
    assert "call with *** failed" in stream.getvalue()
    assert "refused: ***" in stream.getvalue()


def test_a_log_call_that_does_not_fit_its_format_harms_nobody() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%d and %d", ("one",), None)
    assert RedactingFilter(Redactor(ENVIRON)).filter(record)


def test_what_is_printed_is_masked_too() -> None:
    inner = io.StringIO()
    stream = cast("io.StringIO", RedactingStream(inner, Redactor(ENVIRON)))
    print("token hf_zyx987654", file=stream)
    stream.flush()
    assert inner.getvalue() == "token ***\n"
