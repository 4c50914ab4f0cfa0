"""Names of images, and which repositories may be used without asking."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from workbench.errors import InputError
from workbench.paths import assets_dir
from workbench.schemas.base import StrictModel, parse
from workbench.schemas.containers import ContainerSpec, EngineInfo, ImageRecord

ALLOWED_FILE = "image_repositories.yaml"
DEFAULT_REGISTRY = "docker.io"
_IMAGE_ID = re.compile(r"(sha256:)?[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """An image's name in its parts."""

    repository: str
    """As it was written: `nvcr.io/nim/x`, `busybox`."""
    tag: str = ""
    digest: str = ""

    @property
    def registry(self) -> str:
        """Host (and port) of the registry."""
        first, slash, _ = self.repository.partition("/")
        is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
        return first if is_host else DEFAULT_REGISTRY

    @property
    def full_repository(self) -> str:
        """The repository with its registry, as the engine understands short names."""
        if self.registry != DEFAULT_REGISTRY or self.repository.startswith(f"{DEFAULT_REGISTRY}/"):
            return self.repository
        path = self.repository if "/" in self.repository else f"library/{self.repository}"
        return f"{DEFAULT_REGISTRY}/{path}"

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"


def is_image_id(text: str) -> bool:
    """Whether this names an image of the machine by its id; such a thing cannot be pulled."""
    return bool(_IMAGE_ID.fullmatch(text))


def read_reference(text: str) -> Reference:
    """The parts of `repository[:tag][@digest]`.

    Raises:
        InputError: `image_reference_malformed`.
    """
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InputError("image_reference_malformed", image=text)
    head, colon, tail = name.rpartition(":")
    # a colon before the last slash is the registry's port
    repository, tag = (head, tail) if colon and "/" not in tail else (name, "")
    if not repository or repository != repository.lower() or re.search(r"\s|//|/$", repository):
        raise InputError("image_reference_malformed", image=text)
    return Reference(repository, tag, digest)


class AllowedRepository(StrictModel):
    """One entry of the allow-list."""

    prefix: str
    """A repository with its registry, or where it ends with `/` everything below."""
    what: str
    login: str = ""
    """Registry whose login the images need."""

    def covers(self, repository: str) -> bool:
        """Whether a full repository name falls under this entry."""
        return repository.startswith(self.prefix) if self.prefix.endswith("/") else repository == self.prefix


class AllowedRepositories(StrictModel):
    """`assets/image_repositories.yaml`."""

    repositories: tuple[AllowedRepository, ...]

    def find(self, image: str) -> AllowedRepository | None:
        """The entry that covers an image; None where a person has to agree first."""
        repository = read_reference(image).full_repository
        return next((entry for entry in self.repositories if entry.covers(repository)), None)


@cache
def allowed_repositories(path: Path | None = None) -> AllowedRepositories:
    """The allow-list that ships with the program."""
    chosen = path or assets_dir() / ALLOWED_FILE
    return parse(
        AllowedRepositories, yaml.safe_load(chosen.read_text(encoding="utf-8")), "image_repositories"
    )


def check_allowed(image: str, *, confirmed: bool) -> None:
    """Refuse an image of an unknown repository unless a person agreed to it.

    Raises:
        InputError: `image_not_allowed`.
    """
    if confirmed:
        return
    # an id alone does not say where the image came from
    if is_image_id(image) or allowed_repositories().find(image) is None:
        raise InputError("image_not_allowed", image=image)


def check_spec(
    spec: ContainerSpec, find_image: Callable[[str], ImageRecord | None], *, confirmed: bool
) -> None:
    """Refuse a container of an image that may not be used without asking.

    An image that was loaded from a file, as on a machine without a network, has an id and no digest; it is as good as
    its name while that name still stands for it.

    Args:
        spec: The container.
        find_image: What a name stands for on this machine.
        confirmed: A person has agreed to an image from outside the list.

    Raises:
        InputError: `image_not_allowed`.
    """
    check_allowed(spec.image, confirmed=confirmed)
    if confirmed or not spec.digest:
        return
    named = find_image(spec.image) if is_image_id(spec.digest) else None
    if named is None or named.id != spec.digest:
        check_allowed(spec.digest, confirmed=False)


def digest_for(image: ImageRecord, reference: str) -> str:
    """What to run an image by: its digest in the repository that was pulled, else its id."""
    repository = "" if is_image_id(reference) else read_reference(reference).full_repository
    for digest in image.digests:
        if read_reference(digest).full_repository == repository:
            return digest
    return image.id


def pin(spec: ContainerSpec, image: ImageRecord) -> ContainerSpec:
    """The spec that runs exactly this image: a tag can be moved after the pull, a digest cannot."""
    return spec.model_copy(update={"digest": digest_for(image, spec.image)})


def check_architecture(image: ImageRecord, engine: EngineInfo) -> None:
    """Refuse an image for another processor.

    Raises:
        InputError: `image_wrong_architecture`.
    """
    if image.arch and engine.arch and image.arch != engine.arch:
        name = image.tags[0] if image.tags else image.id
        raise InputError("image_wrong_architecture", image=name, has=image.arch, needs=engine.arch)
