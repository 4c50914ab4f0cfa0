r"""Numbers and formulas taken out of answers, and whether two of them are the same.

Sources of the rules, re-stated here:

- GSM8K: the answer stands behind `####`; the first such number counts, commas are dropped (Cobbe et al. 2021,
  openai/grade-school-math). The flexible form, the last number of the text, is that of
  lm-evaluation-harness's task `gsm8k`. Both are widened to what people write: currency signs, full-width
  digits, fractions, percent, 万 and 億. Equality is that of numbers (18 = 18.00 = $18), not of strings.
- MATH: the last `\boxed{…}` and the clean-up of its LaTeX follow Hendrycks et al. 2021 (hendrycks/math),
  the treatment of `$…$`, `\text{…}` and units Lewkowycz et al. 2022 (Minerva, appendix D). Numbers are compared
  as exact fractions first; what is no number is compared as cleaned text.
"""

from __future__ import annotations

import re
from fractions import Fraction

_WIDE = str.maketrans(
    "０１２３４５６７８９．，－＋％＄￥／−﹣‐‑", "0123456789.,-+%$¥/----", "\u200b\u200c\u200d\u2060\ufeff"
)
_LATEX_IN_NUMBERS = ((r"\$", "$"), (r"\%", "%"), ("{,}", ","), (r"\!", ""), (r"\,", ""))
_MONEY = "$¥€£₩₹"
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER = rf"(?:{_DIGITS} [0-9]+/[0-9]+|[0-9]+/[0-9]+|{_DECIMAL}(?:[eE][+-]?[0-9]{{1,3}}(?![0-9A-Za-z]))?)"
_SIGNED = rf"(?:-[{_MONEY}]?|[{_MONEY}]-?)?{_NUMBER}"
_JAPANESE = re.compile(rf"(?=[0-9.])(?:({_DECIMAL})億)?(?:({_DECIMAL})万)?(?:({_DECIMAL})千)?({_DIGITS})?")
_THIN_GROUP = re.compile(r"(?<=[0-9])[\u00a0\u2009\u202f](?=[0-9]{3})")
_HAS_JAPANESE_UNIT = re.compile(r"[0-9][億万千]")
# a minus between two values takes away; digits glued to letters (CO2, m^2) are no value of their own
_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9_^.])(?<!\^\{{)(?:(?<![0-9)\]])-)?[{_MONEY}]?-?{_NUMBER}")
_STRICT = re.compile(rf"####[ \t]*[*]*({_SIGNED})")
_WHOLE = re.compile(rf"(-|\+)?[{_MONEY}]?(-)?({_NUMBER})%?")
_LONGEST = 400
"""Digits beyond which a run of digits is no answer (and would be slow to convert)."""


def extract_gsm8k_strict(text: str) -> str | None:
    """The number behind the first `####`; None where no number stands right behind one."""
    found = _STRICT.search(_clean(text))
    return found.group(1) if found else None


def extract_gsm8k_flexible(text: str) -> str | None:
    """The last number of the text; None where it has none."""
    last = None
    for found in _IN_TEXT.finditer(_clean(text)):
        last = found
    return last.group() if last else None


def parse_number(text: str) -> Fraction | None:
    """The exact value of a text that is one number; a percent sign or a currency is a unit and changes nothing.

    Knows `1,234.50`, `$-5`, `3/4`, `1 1/2`, `2e3`, `１８`, `3万5000`, and one trailing full stop.
    """
    plain = _clean(text).strip().removesuffix(".").removesuffix("。").strip(" *")
    found = _WHOLE.fullmatch(plain) if len(plain) <= _LONGEST else None
    if not found:
        return None
    value = _value(found.group(3))
    negative = (found.group(1) == "-") != bool(found.group(2))
    return -value if value is not None and negative else value


def same_number(first: str, second: str) -> bool:
    """Whether both texts are numbers, and the same one."""
    value = parse_number(first)
    return value is not None and value == parse_number(second)


def _clean(text: str) -> str:
    """Half-width digits, signs as in ASCII, LaTeX's ways of writing a number undone, 3万5000 as 35000."""
    plain = text.translate(_WIDE)
    for old, new in _LATEX_IN_NUMBERS:
        plain = plain.replace(old, new)
    plain = _THIN_GROUP.sub("", plain)
    return _JAPANESE.sub(_write_out, plain) if _HAS_JAPANESE_UNIT.search(plain) else plain


def _write_out(found: re.Match[str]) -> str:
    if not any(found.group(1, 2, 3)) or len(found.group()) > _LONGEST:
        return found.group()
    total = Fraction(0)
    for part, unit in zip(found.groups(), (10**8, 10**4, 10**3, 1), strict=True):
        total += Fraction(part.replace(",", "")) * unit if part else 0
    return str(total.numerator) if total.denominator == 1 else found.group()


def _value(number: str) -> Fraction | None:
    plain = number.replace(",", "")
    whole, _, rest = plain.rpartition(" ")
    try:
        return Fraction(rest) + Fraction(whole or "0")
    except ZeroDivisionError:
        return None


_LONGEST_FORMULA = 4000
"""Characters beyond which a text is no formula, and is compared as it stands."""
_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=[{0-9A-Za-z\\-])")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_SPACING = re.compile(
    r"(?<!\\)\\(?:[!,;: ]|quad\b|qquad\b|left\b|right\b|displaystyle\b)|[\s~$]+|\\\$|\\?%|°|\\\\$"
)
_DEGREES = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree\b")
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}")
_UNIT = re.compile(
    r"(?<=[0-9}).])\s*\\(?:text|textrm|mathrm|mbox)\s*\{[^{}]*\}\s*(?:\^\s*\{?\s*[0-9]\s*\}?)?\s*$"
)
_NAMED = re.compile(r"^(?:\\?[A-Za-z]{1,2}|[A-Za-z]\([A-Za-z]\))(?:=|\\in(?![a-z]))(?=.)")
_BARE_FRACTION = re.compile(r"\\frac(?:\{([^{}]+)\}|([0-9A-Za-z]))(?:\{([^{}]+)\}|([0-9A-Za-z]))")
_BARE_ROOT = re.compile(r"\\sqrt([0-9A-Za-z])")
_LETTER = re.compile(r"^\(([A-Za-z])\)$")
_LATEX_FRACTION = re.compile(r"(-?)([0-9]*)\\frac\{(-?[0-9.,]+)\}\{(-?[0-9.,]+)\}")
_TUPLE = re.compile(r"^(\(|\[|\\\{)(.*)(\)|\]|\\\})$", re.DOTALL)


def extract_boxed(text: str) -> str | None:
    r"""What stands in the last `\boxed{…}` (or `\fbox{…}`), braces inside it included.

    None where there is none, or where the last one is never closed. `\boxed 5` gives `5`.
    """
    last = None
    for found in _BOX.finditer(text):
        last = found
    if last is None:
        return None
    if text[last.end()] != "{":
        return re.split(r"[\s$]", text[last.end() :], maxsplit=1)[0] or None
    return _read_braces(text, last.end())


def _read_braces(text: str, start: int) -> str | None:
    depth = 0
    for found in _BRACES.finditer(text, start):
        if found.group() == "{":
            depth += 1
        elif found.group() == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : found.start()].strip()
    return None


def normalise_math(text: str) -> str:
    r"""A LaTeX answer without what carries no meaning.

    Goes: spaces, `$`, `\left`, `\right`, percent and degree signs, units behind a value, a name before it
    (`x=`). Kinds of fractions become one, braces that LaTeX lets people leave out are put in, `\text{…}`
    leaves its words.
    """
    plain = text.translate(_WIDE).strip().rstrip("。").removesuffix(".")
    plain = re.sub(r"\\[dtc]frac", r"\\frac", _DEGREES.sub("", plain)).replace("{,}", ",")
    plain = _WRAPPED.sub(r"\1", _UNIT.sub("", plain.rstrip(" $")))
    plain = _SPACING.sub("", plain)
    plain = _NAMED.sub("", plain)
    plain = _BARE_FRACTION.sub(_brace_fraction, _BARE_ROOT.sub(r"\\sqrt{\1}", plain))
    plain = re.sub(r"(?<![0-9])\.(?=[0-9])", "0.", plain)
    return _LETTER.sub(r"\1", plain)


def _brace_fraction(found: re.Match[str]) -> str:
    over, over_bare, under, under_bare = found.groups()
    return rf"\frac{{{over or over_bare}}}{{{under or under_bare}}}"


def same_math(first: str, second: str) -> bool:
    """Whether two answers are the same: as numbers, then part by part in tuples, intervals and lists, then as text.

    Order counts in brackets, and does not count in `{…}` and in a bare list such as `1, -2`.
    """
    if max(len(first), len(second)) > _LONGEST_FORMULA:
        return first.strip() == second.strip()
    left, right = normalise_math(first), normalise_math(second)
    return (left == right and bool(left)) or _same_parts(left, right)


def _same_parts(left: str, right: str) -> bool:
    values = _formula_value(left), _formula_value(right)
    if values[0] is not None or values[1] is not None:
        return values[0] == values[1]
    (opened, inner, closed), (opened2, inner2, closed2) = _split_tuple(left), _split_tuple(right)
    if (opened, closed, len(inner)) != (opened2, closed2, len(inner2)) or len(inner) < 2:
        return False
    if opened in ("(", "["):
        return all(_same_one(a, b) for a, b in zip(inner, inner2, strict=True))
    return sorted(map(_sort_key, inner)) == sorted(map(_sort_key, inner2))


def _same_one(left: str, right: str) -> bool:
    return _sort_key(left) == _sort_key(right)


def _sort_key(part: str) -> str:
    value = _formula_value(part)
    return part if value is None else str(value)


def _split_tuple(plain: str) -> tuple[str, list[str], str]:
    """Opening bracket, parts between commas outside inner brackets, closing bracket."""
    found = _TUPLE.match(plain)
    opened, inner, closed = found.groups() if found else ("", plain, "")
    parts, depth = [""], 0
    for char in inner:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return opened, parts, closed


def _formula_value(plain: str) -> Fraction | None:
    found = _LATEX_FRACTION.fullmatch(plain) if len(plain) <= _LONGEST else None
    if not found:
        return parse_number(plain)
    sign, whole, over, under = found.groups()
    top, bottom = parse_number(over), parse_number(under)
    if top is None or not bottom:
        return None
    value = Fraction(whole or "0") + top / bottom
    return -value if sign else value
