"""A manuscript from its files: the first one, what it includes, and the settings beside it."""

from __future__ import annotations

from pathlib import Path

from tightrate.common.errors import TightrateError
from tightrate.common.files import is_regular
from tightrate.rates.manuscripts.latex_source import LatexReader
from tightrate.rates.manuscripts.manuscript import Builder, Manuscript, Place
from tightrate.rates.manuscripts.markdown_source import MarkdownReader
from tightrate.rates.manuscripts.scanning import FileText

LARGEST = 4_000_000  # characters of one file
DEEPEST = 20  # files that include one another
MOST_FILES = 500
LATEX, MARKDOWN, PLAIN = (".tex", ".ltx"), (".md", ".markdown"), (".txt",)
SUFFIXES = (*LATEX, *MARKDOWN, *PLAIN)


def read_manuscript(path: Path) -> Manuscript:
    """A manuscript with the files that it includes; TightrateError for what is no text or no manuscript."""
    if path.suffix.lower() not in SUFFIXES:
        raise TightrateError(f"{path} is no manuscript; lint reads .tex, .md and .txt")
    builder = Builder()
    _read(path, path.parent, builder, (path.resolve(),))
    return builder.manuscript()


def read_text_file(path: Path) -> str:
    """The text of a file, of bounded size."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TightrateError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not a text file'}") from None
    if len(text) > LARGEST:
        raise TightrateError(f"{path} has {len(text)} characters; at most {LARGEST} are read")
    return text


def _read(path: Path, root: Path, builder: Builder, within: tuple[Path, ...]) -> None:
    source = FileText(str(path), read_text_file(path))
    builder.files.append(str(path))
    suffix = path.suffix.lower()
    if suffix not in LATEX:
        MarkdownReader(source, builder, plain=suffix in PLAIN).read()
        return

    def include(name: str, place: Place) -> None:
        if len(builder.missing) >= MOST_FILES:
            return
        if len(within) >= DEEPEST or len(builder.files) >= MOST_FILES or builder.length > LARGEST:
            builder.missing.append((place, f"the file {name} was not read: too deep, too many files, or too long"))
            return
        inner = next((one for one in _candidates(name, root, path.parent) if is_regular(one)), None)
        if inner is None or inner.suffix.lower() not in LATEX:
            builder.missing.append((place, f"the file {name} that it includes is not there"))
        elif inner.resolve() in within:
            builder.missing.append((place, f"the file {name} includes itself"))
        else:
            _read(inner, root, builder, (*within, inner.resolve()))

    LatexReader(source, builder, include).read()


def _candidates(name: str, root: Path, here: Path) -> list[Path]:
    """Where an included file may lie: paths are those of the main file, or of the including one."""
    if not name.strip() or "\0" in name or len(name) > 200:
        return []
    names = [name.strip()] if Path(name.strip()).suffix.lower() in LATEX else [f"{name.strip()}.tex"]
    return [folder / one for folder in (root, here) for one in names]
