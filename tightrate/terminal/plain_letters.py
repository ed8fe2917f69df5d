"""Mathematics in plain letters, for terminals that have no others."""

from __future__ import annotations

import unicodedata

SPELLED = {
    "∞": "inf",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "≲": "<~",
    "≳": ">~",
    "·": "*",
    "×": "x",
    "√": "sqrt",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "±": "+-",
    "→": "->",
    "⇒": "=>",
    "∈": " in ",
    "∑": "sum",
    "∏": "prod",
    "∇": "grad ",
    "∂": "d",
    "‖": "||",
    "⟨": "<",
    "⟩": ">",
    "′": "'",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "│": "|",
    "━": "-",
    "─": "-",
    "╸": "-",
    "╺": "-",
    "•": "*",
    "⁎": "*",
    "∗": "*",
    "⋆": "*",
    "ℓ": "l",
}


def plain(text: str, encoding: str) -> str:
    """The text in letters that the encoding has: Greek ones by name, powers and indices with ^ and _.

    >>> plain("σ²/(MK) ≤ ηL·∞", "ascii")
    'sigma^2/(MK) <= eta L*inf'
    >>> plain("R⁻¹⁶ xᵢ", "ascii")
    'R^-16 x_i'
    >>> plain("é²", "latin-1")
    'é²'
    """
    spelled: list[str] = []
    after_name, mark = False, ""
    for letter in text:
        part = letter if _has(encoding, letter) else _spelled(letter)
        if spelled and part[0] in "^_" and len(part) == 2 and part[0] == mark:
            part = part[1:]  # of one exponent or index
        else:
            mark = part[0] if part[0] in "^_" and len(part) == 2 else ""
        is_name = len(part) > 1 and part.isalpha()
        before = spelled[-1][-1:] if spelled else ""
        apart = (after_name and part[:1].isalnum()) or (is_name and before.isalnum())
        spelled.append(f" {part}" if apart else part)
        after_name = is_name
    return "".join(spelled)


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _spelled(letter: str) -> str:
    if letter in SPELLED:
        return SPELLED[letter]
    name = unicodedata.name(letter, "")
    if name.startswith("GREEK"):
        word = name.split()[-1].lower() if "LETTER" in name or "SYMBOL" in name else ""
        return {"lamda": "lambda", "upsilon": "upsilon"}.get(word, word) or "?"
    for kind, mark in (("SUPERSCRIPT", "^"), ("SUBSCRIPT", "_")):
        if kind in name:
            base = "".join(SPELLED.get(part, part) for part in unicodedata.normalize("NFKD", letter))
            return mark + (base.encode("ascii", "ignore").decode() or "?")
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"
