from __future__ import annotations

import pytest

from workbench.errors import InputError, NotFoundError, StateError
from workbench.inference import EndpointRegistry
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint


def make(name: str, **values: object) -> Endpoint:
    return Endpoint.model_validate(
        {"name": name, "base_url": "http://127.0.0.1:8000/v1", "model": "m", **values}
    )


def test_endpoints_are_kept_and_listed_by_name(workspace: Workspace) -> None:
    registry = EndpointRegistry(workspace)
    registry.add(make("b", api_key_env="MY_KEY"))
    registry.add(make("a"))
    again = EndpointRegistry(workspace)
    assert [endpoint.name for endpoint in again.list()] == ["a", "b"]
    assert again.get("b").api_key_env == "MY_KEY"


def test_a_taken_name_is_refused_unless_it_is_to_be_replaced(workspace: Workspace) -> None:
    registry = EndpointRegistry(workspace)
    registry.add(make("a"))
    with pytest.raises(InputError, match="endpoint_name_taken"):
        registry.add(make("a", model="other"))
    registry.add(make("a", model="other"), replace=True)
    assert [endpoint.model for endpoint in registry.list()] == ["other"]


def test_a_removed_endpoint_is_gone_and_an_unknown_one_is_named(workspace: Workspace) -> None:
    registry = EndpointRegistry(workspace)
    registry.add(make("a"))
    registry.remove("a")
    assert registry.list() == []
    with pytest.raises(NotFoundError):
        registry.remove("a")
    with pytest.raises(NotFoundError):
        registry.get("a")


@pytest.mark.parametrize("content", ["{", "[]", '{"endpoints": [{"name": "x"}]}', '{"endpoints": 3}'])
def test_a_broken_file_is_reported_and_not_overwritten(workspace: Workspace, content: str) -> None:
    workspace.endpoints_file.write_text(content)
    registry = EndpointRegistry(workspace)
    with pytest.raises(StateError, match="endpoints_unreadable"):
        registry.list()
    with pytest.raises(StateError):
        registry.add(make("a"))
    assert workspace.endpoints_file.read_text() == content
