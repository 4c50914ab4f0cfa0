from __future__ import annotations

import pytest

from workbench.containers.references import (
    allowed_repositories,
    check_allowed,
    check_architecture,
    check_spec,
    digest_for,
    pin,
    read_reference,
)
from workbench.errors import InputError
from workbench.schemas.containers import ContainerSpec, EngineInfo, ImageRecord

SHA = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest", "full"),
    [
        ("busybox", "busybox", "", "", "docker.io/library/busybox"),
        ("ollama/ollama:0.30", "ollama/ollama", "0.30", "", "docker.io/ollama/ollama"),
        ("127.0.0.1:5000/x:1", "127.0.0.1:5000/x", "1", "", "127.0.0.1:5000/x"),
        ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "", "", "127.0.0.1:5000/x"),
        (f"nvcr.io/nim/a/b@{SHA}", "nvcr.io/nim/a/b", "", SHA, "nvcr.io/nim/a/b"),
        (
            "docker.io/vllm/vllm-openai:v1",
            "docker.io/vllm/vllm-openai",
            "v1",
            "",
            "docker.io/vllm/vllm-openai",
        ),
    ],
)
def test_a_reference_is_read_in_its_parts(
    text: str, repository: str, tag: str, digest: str, full: str
) -> None:
    found = read_reference(text)
    assert (found.repository, found.tag, found.digest, found.full_repository) == (
        repository,
        tag,
        digest,
        full,
    )


@pytest.mark.parametrize("text", ["", ":1", "A/b:1", "a b:1", "a//b", "x@sha256:short", "x/:1"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_reference(text)
    assert caught.value.code == "image_reference_malformed"


@pytest.mark.parametrize(
    "image",
    [
        "nvcr.io/nim/nvidia/llm-nim:1.15.4",
        "nvcr.io/nvidia/vllm:26.05-py3",
        "ghcr.io/ggml-org/llama.cpp:server-cuda13",
        "ollama/ollama:0.30.1",
        f"vllm/vllm-openai@{SHA}",
    ],
)
def test_the_repositories_of_the_engines_may_be_used(image: str) -> None:
    check_allowed(image, confirmed=False)


@pytest.mark.parametrize(
    "image",
    [
        "nvcr.io/nimble/x:1",
        "nvcr.io.example.com/nim/x:1",
        "example.com/nvcr.io/nim/x:1",
        "ghcr.io/ggml-org/llama.cpp-evil:1",
        "ghcr.io/ggml-org/llama.cpp/sub:1",
        "busybox",
        SHA,
    ],
)
def test_anything_else_needs_consent(image: str) -> None:
    with pytest.raises(InputError) as caught:
        check_allowed(image, confirmed=False)
    assert caught.value.code == "image_not_allowed"
    check_allowed(image, confirmed=True)


def test_the_list_that_ships_can_be_read() -> None:
    assert {entry.login for entry in allowed_repositories().repositories} == {"nvcr.io", ""}


def test_the_digest_is_that_of_the_repository_that_was_pulled() -> None:
    image = ImageRecord(id=SHA, digests=(f"mirror.example/x@{SHA}", f"ollama/ollama@{SHA}"))
    assert digest_for(image, "docker.io/ollama/ollama:1") == f"ollama/ollama@{SHA}"
    assert pin(ContainerSpec(image="ollama/ollama:1"), image).runs == f"ollama/ollama@{SHA}"
    # an image that was never pulled has no digest: its id is as good
    assert digest_for(ImageRecord(id=SHA), "ollama/ollama:1") == SHA


def test_an_image_for_another_processor_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        check_architecture(ImageRecord(id="x", arch="amd64"), EngineInfo(arch="arm64"))
    assert caught.value.params == {"image": "x", "has": "amd64", "needs": "arm64"}


def test_an_image_loaded_from_a_file_is_as_good_as_its_name() -> None:
    name, other = "ghcr.io/ggml-org/llama.cpp:server", "sha256:" + "1" * 64
    loaded = ImageRecord(id="sha256:" + "0" * 64, tags=(name,))
    spec = pin(ContainerSpec(image=name, name="x"), loaded)
    assert spec.digest == loaded.id
    check_spec(spec, lambda name: loaded, confirmed=False)
    moved = loaded.model_copy(update={"id": other})
    for found in (lambda name: None, lambda name: moved):
        with pytest.raises(InputError, match="image_not_allowed"):
            check_spec(spec, found, confirmed=False)
    foreign = pin(ContainerSpec(image="evil/image:1", name="x"), loaded)
    with pytest.raises(InputError, match="image_not_allowed"):
        check_spec(foreign, lambda name: loaded, confirmed=False)
