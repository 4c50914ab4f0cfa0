"""The login page."""

from __future__ import annotations

from workbench.ui.login import login_page


def test_the_page_escapes_where_it_goes_next() -> None:
    page = login_page("en", '/"><script>alert(1)</script>')
    assert "<script>" not in page


def test_a_problem_is_told_in_the_pages_language() -> None:
    assert "パスワードが違います" in login_page("ja", "/", problem="login.wrong")
    assert 'role="alert"' not in login_page("ja", "/")
