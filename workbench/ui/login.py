"""The page that asks for the shared password. Stands alone: nothing else is served before it."""

from __future__ import annotations

from html import escape
from string import Template
from urllib.parse import quote

from workbench.i18n import Lang, t

_PAGE = Template("""<!doctype html><html lang="$lang"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>$name</title>
<style>
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5b6675;--line:#cfd6de;--bg:#f6f7f9;--card:#fff;
--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa6b5;--line:#3a4554;--bg:#12161c;--card:#1a2029;
--bad:#ff9a91}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--ink);
font:15px/1.65 "Noto Sans CJK JP","Noto Sans JP","Hiragino Sans",sans-serif}
form{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:28px;
width:min(360px,88vw)}
h1{font-size:20px;margin:0 0 8px}p{color:var(--soft);margin:0 0 16px}.bad{color:var(--bad)}
label{display:block;font-weight:600;margin-bottom:6px}
input,button{width:100%;box-sizing:border-box;font:inherit;border-radius:9px;padding:10px 12px}
input{border:1px solid var(--line);background:var(--bg);color:inherit}
button{margin-top:14px;border:0;background:#2f5bd0;color:#fff;font-weight:600;cursor:pointer}
</style>
<form method="post" action="/login?next=$target"><h1>$name</h1><p>$ask</p>$problem
<label for="password">$label</label>
<input id="password" name="password" type="password" autocomplete="current-password" autofocus required>
<button>$enter</button></form></html>""")


def login_page(lang: Lang, target: str, *, problem: str = "") -> str:
    """HTML of the page.

    Args:
        lang: Its language.
        target: Path to go to afterwards.
        problem: Catalogue key of a sentence about the last try, empty for none.
    """
    said = f'<p class="bad" role="alert">{escape(t(problem, lang))}</p>' if problem else ""
    return _PAGE.substitute(
        lang=lang,
        name=escape(t("header.name", lang)),
        ask=escape(t("login.ask", lang)),
        label=escape(t("login.password", lang)),
        enter=escape(t("login.enter", lang)),
        target=quote(target, safe="/"),
        problem=said,
    )
