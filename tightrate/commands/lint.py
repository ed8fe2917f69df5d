"""`tightrate lint`: check all bounds of manuscripts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tightrate.terminal.options import AsJson, Letters, Macros, Papers


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Manuscripts: .tex, .md or .txt.")],
    letters: Letters = None,
    macros: Macros = None,
    sarif: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the findings as SARIF 2.1.0, too.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a page with all bounds here.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="List what was not understood, too.")] = False,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> int:
    """Check all bounds of manuscripts.

    Units, sides, terms, tables and claims; exit status 1 if anything is found.

    Example: tightrate lint paper.tex --letters H=L
    """
    from functools import partial

    from tightrate.common.files import write_whole
    from tightrate.rates.manuscripts.lint import lint as lint_file
    from tightrate.rates.statements.paper_notation import parse_letters
    from tightrate.terminal.arguments import check_output, read_macros
    from tightrate.terminal.documents import json_text, print_json
    from tightrate.terminal.manuscript import lint_lines
    from tightrate.terminal.output import progress, say

    spelled = parse_letters(letters) if letters else None
    own = read_macros(macros)
    if sarif is not None:
        check_output(sarif, *files, macros)
    if report is not None:
        from tightrate.figures.output_folder import check_output_folder

        check_output_folder(report)
    with progress() as watcher:
        results = [lint_file(path, spelled, own, partial(watcher, path.name)) for path in files]
        page = None
        if report is not None:
            from tightrate.figures.manuscript_page import write_page

            page = write_page(report, results, partial(watcher, "report"))
    if sarif is not None:
        from tightrate.terminal.sarif import sarif as as_sarif

        document = json_text(as_sarif(results))
        write_whole(sarif, lambda part: part.write_text(document, encoding="utf-8"))
    if as_json:
        print_json([finding.as_dict() for result in results for finding in result.findings])
    else:
        for line in lint_lines(results, verbose):
            sys.stdout.write(f"{line}\n")
        if page is not None:
            say(f"The page: {page}")
    return 1 if any(result.findings for result in results) else 0
