"""Gradio's own template, adapted: its language, its cover, and nothing that names the network."""

from __future__ import annotations

from importlib import resources
from types import SimpleNamespace

import pytest
from jinja2 import Environment

from workbench.i18n import LANGUAGES, Lang, t
from workbench.ui.page_template import adapt


@pytest.fixture(scope="module")
def source() -> str:
    return (resources.files("gradio") / "templates/frontend/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_in_the_language_of_its_place(source: str, lang: Lang) -> None:
    environment = Environment(autoescape=True)
    environment.filters["toorjson"] = lambda value: "{}"
    request = SimpleNamespace(scope={"root_path": f"/{lang}"})
    page = environment.from_string(adapt(source)).render(request=request, config={})
    assert f'lang="{lang}"' in page[: page.index("<head>")]
    assert f"['language', '{lang}']" in page
    cover = page.index(f'<p class="wb-cover" role="status">{t("page.loading", lang)}</p>')
    assert page.index("<body") < cover < page.index("<gradio-app")
    assert page.index(".wb-cover {") < page.index("<body")
    assert "githubusercontent" not in page
