"""The command line: `tightrate COMMAND`; exit status 0 as expected, 1 an unexpected verdict, 2 bad input."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

from tightrate.common.errors import TightrateError, UnknownNameError, unknown_name
from tightrate.common.files import is_regular, reason
from tightrate.common.numbers import SEEDS, read_whole
from tightrate.common.paper_files import guarded
from tightrate.terminal.ending import ended, refusal, telling
from tightrate.terminal.listing import (
    KINDS,
    as_shown,
    as_table,
    elsewhere,
    everywhere,
    in_own_letters,
    kinds_of,
    listing,
    matching,
    names,
    overview,
)

if TYPE_CHECKING:
    from tightrate.figures.style import Columns, Family, Notation
    from tightrate.rates.statements.theorem import Theorem
    from tightrate.verify.session import Profile

app = typer.Typer(
    name="tightrate",
    help="Cross-examine the convergence theory of local-update optimization.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def complete(kind: str) -> Callable[[str], list[str]]:
    """Shell completion with the names of a kind (see `tightrate list`)."""

    def matching(incomplete: str) -> list[str]:
        return [row[0] for row in listing(kind)[1] if row[0].startswith(incomplete)]

    return matching


def complete_any(incomplete: str) -> list[str]:
    """Shell completion with every name that can be shown."""
    return sorted({name for name in names() if name.startswith(incomplete)})


def complete_kind(incomplete: str) -> list[str]:
    """Shell completion with the kinds that can be listed."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def load_papers(files: list[Path] | None) -> list[Path] | None:
    """Load papers of one's own before anything else of a command is read."""
    if files:
        from tightrate.terminal.output import nothing_else_answers
        from tightrate.verify.own_papers import load_paper

        with nothing_else_answers():
            for file in files:
                load_paper(file)
    return files


Papers = Annotated[
    list[Path] | None,
    typer.Option(
        "--paper", metavar="FILE.py", is_eager=True, callback=load_papers, help="A paper of your own; may be repeated."
    ),
]
Values = Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Parameters, such as K=10 R=inf.")]
ProblemFile = Annotated[
    Path | None,
    typer.Option("--problem", metavar="FILE", help="Matrices, minimizers and start of your own: .npz or .toml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def whole_number(name: str, least: int, most: int) -> Callable[[object], int]:
    """What reads an option that is a whole number in a range."""

    def parsed(given: object) -> int:
        try:
            return read_whole(name, str(given), least, most)
        except TightrateError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


Jobs = Annotated[
    int, typer.Option("--jobs", parser=whole_number("jobs", 1, 256), metavar="N", help="Processes to use, at most 256.")
]
Limit = Annotated[
    str, typer.Option("--limit", metavar="HOURS", help="Refuse what would take longer on one core, as estimated.")
]
Seed = Annotated[
    int, typer.Option("--seed", parser=whole_number("seed", 0, SEEDS), metavar="N", help="Of everything random.")
]
ProfileName = Annotated[str, typer.Option("--profile", help="quick or full.")]
Folder = Annotated[Path, typer.Option("--out", help="Folder for the output.")]

OwnLetters = Annotated[
    str, typer.Option("--letters", help="Whose: the alphabet's, or the paper's own.", metavar="alphabet|paper")
]

TheoremId = Annotated[str, typer.Argument(metavar="THEOREM", autocompletion=complete("theorems"))]

PROFILES = ("quick", "full")
FAMILIES = ("serif", "sans")
NOTATIONS = ("alphabet", "paper")
ALLOCATIONS = 100_000  # between two looks for garbage: what importing the libraries leaves is none
MOST_SECONDS = 1e6


def main() -> NoReturn:
    """Run the command line; bad input is one line on standard error and exit status 2."""
    sys.exit(ended(answer))


def answer() -> int:
    """The exit status of the command; bad input is one line on standard error and status 2."""
    gc.set_threshold(ALLOCATIONS)
    try:
        _check_own_code()
        status = guarded(lambda: app(standalone_mode=False))
    except typer.TyperException as error:
        return refusal(error.format_message())
    except UnknownNameError as error:
        return refusal(elsewhere(error))
    except TightrateError as error:
        return refusal(error)
    except MemoryError:
        return refusal("this does not fit the memory; give smaller sizes (M, d, rows, replicas)")
    except RecursionError:
        return refusal("this is nested too deeply; give something flatter")
    except OSError as error:  # what no reader and no writer of files told in its own words
        named = f"{error.filename}: " if error.filename else ""
        return refusal(f"the operating system refused: {named}{reason(error)}")
    return status if isinstance(status, int) else 0


def _check_own_code() -> None:
    """Refuse to be the command of a copied checkout that would run the code of the original."""
    own = Path(__file__).resolve().parents[1]
    try:
        checkout = Path(sys.argv[0]).resolve().parents[2:3]  # of CHECKOUT/.venv/bin/tightrate
    except OSError:  # a name within a folder that is gone: whoever started it named it otherwise
        return
    for folder in checkout:
        copied = folder / "tightrate" / "command_line.py"
        if copied.is_file() and not copied.samefile(__file__):
            raise TightrateError(
                f"{sys.argv[0]} would run the code in {own}, not that in {folder}; run make there anew"
            )


def _print_version(wanted: bool) -> None:
    if wanted:
        from tightrate import __version__

        sys.stdout.write(f"tightrate {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def whole(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Cross-examine the convergence theory of local-update optimization."""
    if context.invoked_subcommand is None:
        sys.stdout.write(f"{context.get_help()}\n")


@app.command("list")
def list_command(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help=f"{', '.join(KINDS)}.", autocompletion=complete_kind)
    ] = None,
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Of ids, such as 'patel2024/*', or words of a title.")
    ] = "",
    of: Annotated[str | None, typer.Option("--of", metavar="PAPER", help="Only of this paper.")] = None,
    algorithm: Annotated[str | None, typer.Option(metavar="NAME", help="Only about this algorithm.")] = None,
    measure: Annotated[str | None, typer.Option(metavar="NAME", help="Only about this measure.")] = None,
    side: Annotated[
        str | None, typer.Option("--kind", metavar="NAME", help="upper, lower or exact; a claim's.")
    ] = None,
    constants: Annotated[
        str | None, typer.Option(metavar="NAME", help="explicit, hidden or 'hidden with logs'.")
    ] = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """List what there is, by kind, pattern and filters.

    Without a kind a name is looked for among all; without any, the kinds are listed.  Filters take patterns; piped,
    every entry is one line.

    Example: tightrate list theorems 'patel2024/*' --kind lower
    """
    from tightrate.terminal.documents import print_json

    given = {"of": of, "algorithm": algorithm, "measure": measure, "kind": side, "constants": constants}
    filters = {name: value for name, value in given.items() if value is not None}
    if kind is None:
        columns, rows = overview()
    elif kind in KINDS:
        columns, rows = matching(kind, pattern, filters)
        if _in_own_letters(notation):
            rows = in_own_letters(kind, rows)
        if not as_json:
            columns, rows = as_shown(kind, columns, rows)
    elif pattern or filters or get_close_matches(kind, KINDS, cutoff=0.8):
        raise unknown_name("kind", kind, KINDS)
    else:
        columns, rows = everywhere(kind)
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        sys.stdout.write(as_table(columns, rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_any)],
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Of what, where several have the name.", autocompletion=complete_kind),
    ] = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Show a theorem, or anything else that has a name.

    Of a theorem formula, exponents, conditions, provenance and errata, in the alphabet or in the letters of its paper.
    Shell-style patterns show several theorems.

    Example: tightrate show patel2024/prop7
    """
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console

    if kind is not None and kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    own_letters = _in_own_letters(notation)
    if kind == "theorems" or (kind is None and (_is_pattern(name) or _is_theorem(name))):
        _show_theorems(name, own_letters, as_json)
        return
    from tightrate.terminal.entry import entry

    kinds = [kind] if kind is not None else kinds_of(name)
    if not kinds:
        raise unknown_name("name", name, names())
    found = [entry(each, name) for each in kinds]
    if as_json:
        print_json(found[0].as_json() if len(found) == 1 else [one.as_json() for one in found])
        return
    for index, one in enumerate(found):
        if index:
            console().print()
        console().print(one.page(own_letters))


def _in_own_letters(notation: str) -> bool:
    if notation not in NOTATIONS:
        raise unknown_name("letters", notation, NOTATIONS)
    return notation == "paper"


def _show_theorems(pattern: str, own_letters: bool, as_json: bool) -> None:
    from tightrate.rates.pages.theorem_facts import theorem_as_json
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console
    from tightrate.terminal.theorem import theorem_page

    found = _theorems(pattern)
    if as_json:
        pages = [theorem_as_json(one) for one in found]
        print_json(pages[0] if len(pages) == 1 and not _is_pattern(pattern) else pages)
        return
    for index, one in enumerate(found):
        if index:
            console().print()
        console().print(theorem_page(one, console().width, one.letters if own_letters else None))


def _is_theorem(name: str) -> bool:
    from tightrate.rates.statements.catalogue import paper_ids, theorem_ids

    paper, slash, _ = name.partition("/")
    return bool(slash) and paper in paper_ids() and (name in theorem_ids(paper) or name not in names())


def _is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")


def _theorems(pattern: str) -> list[Theorem]:
    from tightrate.rates.statements.catalogue import theorem, theorem_ids, theorems

    if not _is_pattern(pattern):
        return [theorem(pattern)]
    found = list(theorems(pattern))
    if not found:
        raise unknown_name("theorem", pattern, theorem_ids())
    return found


@app.command()
def evaluate(
    theorem_id: TheoremId,
    values: Values = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Evaluate a bound term by term, and check its conditions.

    A step size that is not given, or given as eta=prescribed, is the one that the theorem prescribes.

    Example: tightrate evaluate patel2024/prop7-constant L=1 B=1 R=10
    """
    from tightrate.rates.statements.catalogue import theorem
    from tightrate.rates.symbols.alphabet import LETTERS, check_value
    from tightrate.terminal.arguments import read_values
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console
    from tightrate.terminal.theorem import evaluation_as_json, evaluation_page

    found = theorem(theorem_id)
    own_letters = _in_own_letters(notation)
    left_out = {f"{name}=prescribed" for name in found.steps}
    given = read_values([value for value in values or [] if value not in left_out])
    known = {*LETTERS, *found.bound.letters}
    for name, value in given.items():
        if name not in known:
            raise unknown_name("letter", name, known)
        if name in LETTERS:
            check_value(name, value)
    own, given = set(given), found.with_steps(given)
    for name in found.steps:
        if name in found.bound.letters and name not in given:
            missing = sorted({symbol.name for symbol in found.step(name).free_symbols} - set(given))
            raise TightrateError(
                f"missing value for {', '.join(missing)}, from which {found.id} prescribes {name}; give"
                f" {missing[0]}=VALUE, or {name}=VALUE"
            )
    prescribed = {name: value for name, value in given.items() if name not in own}
    undefined = [name for name, value in found.bound.terms_at(given).items() if value != value]
    if undefined:
        raise TightrateError(
            f"{found.id} has no value here: {' and '.join(undefined)} has no limit (such as that of (1 - eta*L)^K for"
            " eta*L >= 2 as K grows); give a finite K or other steps"
        )
    if as_json:
        print_json(evaluation_as_json(found, given, prescribed))
    else:
        console().print(evaluation_page(found, given, prescribed, found.letters if own_letters else None))


Letters = Annotated[
    str | None,
    typer.Option(metavar="PAPER=ALPHABET,...", help="Letters of the text, such as 'H=L,N=M', or a paper's id."),
]
Macros = Annotated[
    Path | None, typer.Option(metavar="FILE", help="LaTeX definitions (\\newcommand, \\def) that the text uses.")
]
Given = Annotated[list[str] | None, typer.Option(metavar="'EXPR >= EXPR'", help="A hypothesis; may be repeated.")]


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A")],
    second: Annotated[str, typer.Argument(metavar="B")],
    given: Given = None,
    letters: Letters = None,
    macros: Macros = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Compare two bounds up to constants, exactly.

    Theorem ids, or bounds as text (LaTeX or plain).

    Example: tightrate compare patel2024/thm9 'L*B^2/R + sigma*B/sqrt(M*K*R)' --given 'K >= sigma^2*R/(L*B)^2'
    """
    from tightrate.rates.relations.bound_check import attributed, compare_bounds, read_bound, read_hypotheses
    from tightrate.rates.statements.paper_notation import papers_of_letters, parse_letters
    from tightrate.terminal.arguments import read_macros
    from tightrate.terminal.bound import comparison_as_json, comparison_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console

    spelled = parse_letters(letters) if letters else None
    own = read_macros(macros)
    left, right = read_bound(first, spelled, own), read_bound(second, spelled, own)
    found = compare_bounds(left, right, read_hypotheses(given or [], spelled, own))
    found = replace(found, symbols=attributed(found.symbols, papers_of_letters(letters or "")))
    if as_json:
        print_json({"A": first, "B": second, **comparison_as_json(found)})
    else:
        console().print(comparison_page([left, right], found))


@app.command("check-bound")
def check_bound_command(
    bound: Annotated[str | None, typer.Argument(metavar="BOUND", help="LaTeX or plain text.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="TABLE", help="Lines NAME: BOUND, compared in pairs.")] = None,
    measure: Annotated[str | None, typer.Option(metavar="NAME", help="What is bounded, such as gap.")] = None,
    given: Given = None,
    letters: Letters = None,
    macros: Macros = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Check a bound of your own.

    Units, exponents, dominated terms, regimes, and its neighbours in the catalogue.

    A hypothesis about gradients, function values or points says which units its letters have.

    Example: tightrate check-bound '\\frac{HB^2}{R} + \\frac{\\sigma B}{\\sqrt{MKR}}' --letters H=L
    """
    from tightrate.common.files import read_text
    from tightrate.rates.formulas.assumptions import is_assumption
    from tightrate.rates.relations.bound_check import (
        as_hypotheses,
        attributed,
        check_display,
        check_table,
        compare_table,
        read_inequalities,
        read_table,
    )
    from tightrate.rates.statements.paper_notation import papers_of_letters, parse_letters
    from tightrate.terminal.arguments import read_macros
    from tightrate.terminal.bound import bound_as_json, bounds_page, table_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console, working

    if (bound is None) == (file is None):
        raise TightrateError("give either a BOUND or --file TABLE")
    spelled = parse_letters(letters) if letters else None
    own = read_macros(macros)
    assumptions = [text for text in given or [] if is_assumption(text, own)]
    assumed = read_inequalities([text for text in given or [] if text not in assumptions], spelled, own)
    if bound is not None:
        with working("comparing with the catalogue"):
            found = check_display(
                bound, letters=spelled, macros=own, measure=measure, given=assumed, assumptions=assumptions
            )
        papers = papers_of_letters(letters or "")
        found = tuple(replace(one, symbols=attributed(one.symbols, papers)) for one in found)
        if as_json:
            documents = [bound_as_json(one) for one in found]
            print_json(documents[0] if len(documents) == 1 else {"bounds": documents})
        else:
            console().print(bounds_page(found))
        return
    assert file is not None
    table = read_table(read_text(file), spelled, own)
    checked = check_table(table, spelled, measure, assumed, only_units=not as_json)
    pairs = compare_table(table, as_hypotheses(assumed))
    if as_json:
        print_json(
            {
                "bounds": {name: bound_as_json(one) for name, one in checked.items()},
                "pairs": [{"A": a, "B": b, "relation": relation} for (a, b), relation in pairs.items()],
            }
        )
    else:
        console().print(table_page(checked, pairs))


@app.command()
def lint(
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


@app.command()
def rounds(
    bound: Annotated[str, typer.Argument(metavar="BOUND", autocompletion=complete("theorems"))],
    values: Values = None,
    letters: Letters = None,
    macros: Macros = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Rounds until a bound is at most eps, and the best K.

    BOUND is a theorem's id or a bound as text; the answer is an order in the letters, and a number where all letters
    have values.  The best K is that at a fixed budget T = K R.

    Example: tightrate rounds koloskova2020/convex eps=0.01 L=1 B=1 sigma=1 zeta_star=0 M=8 K=16
    """
    from tightrate.rates.orders.communication_complexity import rounds_to_accuracy
    from tightrate.rates.relations.bound_check import bound_of, read_bound
    from tightrate.rates.statements.paper_notation import parse_letters
    from tightrate.rates.statements.theorem import Theorem
    from tightrate.rates.symbols.alphabet import check_value, letter
    from tightrate.terminal.arguments import read_macros, read_values
    from tightrate.terminal.bound import rounds_as_json, rounds_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console

    read = read_bound(bound, parse_letters(letters) if letters else None, read_macros(macros))
    found = read if isinstance(read, Theorem) else bound_of(read)
    name, title, own = (found.id, found.title, found.bound) if isinstance(found, Theorem) else (bound, "", found)
    given = read_values(values or [])
    for each, value in given.items():
        letter(each)
        check_value(each, value)
    answer = rounds_to_accuracy(found, given)
    if as_json:
        print_json(rounds_as_json(name, own, answer))
    else:
        console().print(rounds_page(name, title, own, answer))


@app.command()
def simulate(
    algorithm: Annotated[str, typer.Argument(autocompletion=complete("algorithms"))],
    problem: Annotated[str | None, typer.Argument(autocompletion=complete("problems"))] = None,
    values: Values = None,
    problem_file: ProblemFile = None,
    method: Annotated[str, typer.Option(help="auto, exact, rounds or sample.")] = "auto",
    output: Annotated[str, typer.Option(help="Iterate: last, average, weighted, random or auxiliary.")] = "last",
    noise: Annotated[str, typer.Option(help="Law of the gradient noise, or rows for a finite sum.")] = "gaussian",
    measures: Annotated[str, typer.Option("--measure", metavar="NAME,...", help="Measures.")] = "",
    quantiles: Annotated[str, typer.Option("--quantile", metavar="Q,...", help="Over replicas: 0.5,0.9.")] = "",
    theorem: Annotated[str | None, typer.Option(help="Say which of its conditions hold, and its bound.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the JSON document to this file too.")] = None,
    limit: Limit = "24",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Run an algorithm on a problem.

    A value is a number, a fraction or inf; a name, true or false, or a list (1,2) where the default is one.

    Example: tightrate simulate local-sgd rank-one-pair cosine=0.9 eta=1 K=inf R=20
    """
    from tightrate.common.files import write_whole
    from tightrate.common.numbers import read_number
    from tightrate.common.threads import one_blas_thread
    from tightrate.rates.statements.catalogue import theorem as theorem_of
    from tightrate.simulator.parameters import spelled
    from tightrate.simulator.simulate import simulate as run
    from tightrate.simulator.validation import known_parameters, method_named, output_named
    from tightrate.terminal.arguments import (
        check_output,
        own_problem,
        read_limit,
        read_names,
        read_pairs,
        read_settings,
    )
    from tightrate.terminal.documents import json_text, print_json
    from tightrate.terminal.output import console, working
    from tightrate.terminal.simulation import simulation_as_json, simulation_page

    hours = read_limit(limit)
    claimed = theorem_of(theorem) if theorem is not None else None
    if problem_file is not None:
        values, problem = [*([problem] if problem is not None else []), *(values or [])], own_problem(problem_file)
    if problem is None:
        raise TightrateError("missing argument PROBLEM; give the name of one, or --problem FILE")
    at = output_named(output)
    known = known_parameters(algorithm, problem, noise=noise, output=at, theorem=claimed)
    given = read_settings(spelled(read_pairs(values or [])), known)
    if out is not None:
        check_output(out, given.get("file"), problem_file)
    with working(f"{algorithm} on {problem}"), one_blas_thread():
        found = run(
            algorithm,
            problem,
            given,
            method=method_named(method),
            output=at,
            noise=noise,
            measures=read_names(measures),
            quantiles=[read_number("quantile", level) for level in read_names(quantiles)],
            theorem=theorem,
            hours=hours,
        )
    document = simulation_as_json(found)
    if out is not None:
        write_whole(out, lambda part: part.write_bytes(json_text(document).encode()))
    if as_json:
        print_json(document)
    else:
        console().print(simulation_page(found))


@app.command()
def counterexample(as_json: AsJson = False) -> None:
    """Reproduce the counterexample: K does not help.

    And the fixed point is not the optimum.

    Example: tightrate counterexample --json
    """
    from tightrate.terminal.counterexample import counterexample_conclusion, counterexample_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console, progress, say
    from tightrate.verify.cache.result_cache import default_store
    from tightrate.verify.measurement import symbols_of
    from tightrate.verify.papers.patel2024 import discrepancy, local_steps_do_not_help
    from tightrate.verify.session import Session

    with progress() as watcher:
        session = Session(progress=watcher, store=default_store(), reuse=True)
        pair = session.data(local_steps_do_not_help.rank_one_at_the_hard_angle)
        floor = session.data(discrepancy.floor)
    pair = pair.assign(bound=local_steps_do_not_help.k_does_not_help.theorem.bound.at(symbols_of(pair)))
    floor = floor.assign(sharp=discrepancy.sharp_discrepancy.theorem.bound.at(symbols_of(floor)))
    if as_json:
        print_json(
            {
                "K": pair["K"].values,
                "R": pair["R"].values,
                "best_gap": pair["best_gap"].values,
                "bound": pair["bound"].values,
                "fixed_point": {name: floor[name].values for name in ("K", "eta", "floor", "simulated", "sharp")},
                "conclusion": counterexample_conclusion(pair, floor),
            }
        )
        return
    console().print(counterexample_page(pair, floor))
    say("")
    say(counterexample_conclusion(pair, floor))


@app.command()
def sweep(
    specification: Annotated[Path, typer.Argument(metavar="SPEC.toml")],
    out: Annotated[Path | None, typer.Option(help="netCDF file for the results; SPEC.nc here by default.")] = None,
    jobs: Jobs = 1,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster.")] = None,
    problem_file: ProblemFile = None,
    limit: Limit = "24",
    _papers: Papers = None,
) -> None:
    """Run a sweep described in a TOML file.

    Labelled results are saved in the current folder; run it again to go on after a stop.  Every finished cell is kept
    in OUT.cells, from where the same sweep, or a larger one, takes it.

    Example: tightrate sweep examples/krm_sweep.toml --jobs 2
    """
    from tightrate.common.files import keeps_files
    from tightrate.terminal.arguments import check_output, own_problem, read_limit
    from tightrate.terminal.exponents import exponents_page
    from tightrate.terminal.live_sweep import live, summary
    from tightrate.terminal.output import console, say
    from tightrate.verify.cache.netcdf import save_dataset
    from tightrate.verify.exponents.of_sweep import exponents as exponents_of
    from tightrate.verify.sweep.run import CellStore, read_sweep, run_sweep

    hours = read_limit(limit)
    described = read_sweep(specification, problem=None if problem_file is None else own_problem(problem_file))
    target = Path(f"{specification.stem}.nc") if out is None else out
    check_output(target, specification, problem_file)
    store = CellStore(target.with_name(f"{target.name}.cells")) if keeps_files(target) else None
    if store is not None:
        check_output(store.path("probe"))
    kept = "nothing is kept" if store is None else f"finished cells are kept in {store.folder}, run it again to go on"
    with telling(kept), live(described) as shown:
        dataset = run_sweep(
            described,
            jobs=jobs,
            scheduler=scheduler,
            store=store,
            progress=shown.progress,
            watch=shown.watch,
            hours=hours,
        )
    save_dataset(dataset, target)
    for note in dataset.attrs.get("notes", ()):
        say(f"note: {note}")
    if store is None:
        say(f"{summary(dataset)}; results in {target}")
    else:
        told = summary(dataset, kept=store.found, damaged=store.damaged)
        say(f"{told}; results in {target}, cells in {store.folder}")
    try:
        page = exponents_page(exponents_of(dataset))
    except TightrateError as reason:
        say(f"no exponents: {reason}")
    else:
        say("")
        console().print(page)


@app.command()
def exponents(
    file: Annotated[Path, typer.Argument(metavar="FILE.nc", help="What `tightrate sweep` wrote.")],
    theorem: Annotated[
        str | None,
        typer.Option(metavar="ID", help="That of the sweep unless given.", autocompletion=complete("theorems")),
    ] = None,
    along: Annotated[
        str | None,
        typer.Option(metavar="K,R,M", help="Axes, or paths such as 'K R' or 'K R^-1'; all axes unless given."),
    ] = None,
    measure: Annotated[str, typer.Option(metavar="NAME", help="The theorem's, or the first, unless given.")] = "",
    figure_out: Annotated[
        Path | None, typer.Option("--figure", metavar="OUT", help="Draw it: .pdf, .png or .svg.")
    ] = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> int:
    """Fitted exponents of a sweep beside a theorem's.

    Along each axis or path, by the term of the bound that leads there; intervals know noise, window and drift.  Exit
    status 1 if the theorem is contradicted.

    Example: tightrate exponents krm_sweep.nc --along K,R,'K R'
    """
    from tightrate.common.files import write_whole
    from tightrate.rates.statements.catalogue import theorem as theorem_of
    from tightrate.terminal.arguments import check_output
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.exponents import exponents_page
    from tightrate.terminal.output import console, say
    from tightrate.verify.cache.netcdf import load_dataset
    from tightrate.verify.exponents.of_sweep import exponents as exponents_of

    claimed = theorem_of(theorem) if theorem is not None else None
    if figure_out is not None:
        kind = figure_out.suffix.removeprefix(".")
        if kind not in ("pdf", "png", "svg"):
            raise TightrateError(f"--figure draws .pdf, .png or .svg, not {figure_out.name}")
        check_output(figure_out, file)
    found = exponents_of(load_dataset(file), claimed, along=along, measure=measure)
    if figure_out is not None:
        from tightrate.figures.gallery.sweep import file_of

        content = file_of(found, kind)
        write_whole(figure_out, lambda part: part.write_bytes(content))
    if as_json:
        print_json(found.as_json())
    else:
        console().print(exponents_page(found))
        if figure_out is not None:
            say(f"The figure: {figure_out}")
    return 1 if found.verdict is not None and found.verdict.status == "violated" else 0


@app.command()
def verify(
    claims: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLAIM...", help="Claims or patterns; all if none.", autocompletion=complete("claims")),
    ] = None,
    profile: ProfileName = "quick",
    jobs: Jobs = 2,
    seed: Seed = 20240511,
    papers: Papers = None,
    power: Annotated[bool, typer.Option("--power", help="Report how many mutants are rejected.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="With --paper: write a page here.")] = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
) -> int:
    """Judge claims and print a report card.

    Exit status 1 if a verdict differs from the expected one.

    Example: tightrate verify 'patel2024/*'
    """
    from tightrate.rates.formulas.inline import as_text
    from tightrate.terminal.bound import bound_as_json, bound_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console, progress, say
    from tightrate.terminal.verdicts import report_card
    from tightrate.verify.cache.result_cache import default_store
    from tightrate.verify.claim import judge_all
    from tightrate.verify.findings_json import finding_as_json
    from tightrate.verify.own_papers import claims_in, load_paper, own_paper_ids, with_formulas
    from tightrate.verify.registry import claims_of
    from tightrate.verify.session import Session

    own_letters = _in_own_letters(notation)
    if (power and (claims or papers)) or (report is not None and not papers):
        raise TightrateError("give one of CLAIM..., --paper FILE.py and --power; --report goes with --paper")
    if power:
        return _report_power(_profile(profile), as_json)
    if papers and not claims:
        claims = list(claims_in(*map(load_paper, papers)))
        if not claims:
            raise TightrateError(f"{papers[0]} has no claims; see the file that tightrate new-paper writes")
    chosen = claims_of(_profile(profile), *(claims or ["*"]))
    if report is not None:
        from tightrate.figures.output_folder import check_output_folder

        check_output_folder(report)
    store = default_store()
    kept = telling(f"finished cells are kept in {store.folder}, run it again to go on") if papers else nullcontext()
    with progress() as watcher, kept:
        session = Session(_profile(profile), seed, jobs, watcher, store)
        findings = judge_all(chosen, session)
    own = with_formulas([one for one in findings if papers and one.claim.paper in own_paper_ids()], session)
    page = None
    if report is not None:
        from tightrate.figures.own_paper_page import write_page

        page = write_page(report, own, session, papers or [])
    if as_json:
        bounds = {one.finding.claim.id: bound_as_json(one.checked) if one.checked else None for one in own}
        told = [{"bound": bounds[one.claim.id]} if one.claim.id in bounds else {} for one in findings]
        print_json([{**finding_as_json(one), **bound} for one, bound in zip(findings, told, strict=True)])
    else:
        for one in {one.theorem.id: one for one in own}.values():
            say(f"{one.theorem.id}  {as_text(one.theorem.title)}")
            console().print(bound_page(one.checked) if one.checked else f"The formula is not decided: {one.unchecked}")
            say("")
        console().print(report_card(findings, own_letters))
        if page is not None:
            say(f"The page: {page}")
    return 0 if all(finding.as_expected for finding in findings) else 1


def _report_power(profile: Profile, as_json: bool) -> int:
    """`verify --power`."""
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.falsification import power_page
    from tightrate.terminal.output import console, progress
    from tightrate.verify.mutation.suite import power_as_json, power_report
    from tightrate.verify.session import Session

    with progress() as watcher:
        report = power_report(profile, Session(progress=watcher))
    if as_json:
        print_json(power_as_json(report))
    else:
        console().print(power_page(report))
    return 0 if report.passed else 1


def _profile(name: str) -> Profile:
    if name not in PROFILES:
        raise unknown_name("profile", name, PROFILES)
    return cast("Profile", name)


@app.command()
def figure(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="Figures or patterns; if none, those of --paper, or all.",
            autocompletion=complete("figures"),
        ),
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", metavar="FILE", help="Draw from a results file.")] = None,
    out: Folder = Path("figures-out"),
    formats: Annotated[str, typer.Option("--format", help="Any of pdf,png,svg.")] = "pdf,png",
    columns: Annotated[
        int, typer.Option(parser=whole_number("columns", 1, 2), metavar="1|2", help="Columns of a paper.")
    ] = 2,
    family: Annotated[str, typer.Option(help="Type: serif or sans.")] = "serif",
    notation: OwnLetters = "alphabet",
    profile: ProfileName = "quick",
    jobs: Jobs = 2,
    check: Annotated[bool, typer.Option("--check", help="Only say which figures in the folder are stale.")] = False,
    papers: Papers = None,
) -> int:
    """Draw figures.

    The data behind each are saved beside it; kept results are used if the same code made them.

    With --check nothing is drawn: exit status 1 if a figure in the folder is stale against its data or the code.

    Example: tightrate figure k-does-not-help --format pdf,svg --columns 1
    """
    from tightrate.figures.figure import FIGURES, FORMATS, Look, figures_in, save, staleness
    from tightrate.terminal.arguments import check_output
    from tightrate.terminal.output import progress, say
    from tightrate.verify.cache.netcdf import load_dataset
    from tightrate.verify.cache.result_cache import default_store
    from tightrate.verify.own_papers import load_paper
    from tightrate.verify.session import Session

    chosen = FIGURES.match(*(names or (figures_in(*map(load_paper, papers)) if papers else ["*"])))
    if not chosen:
        raise TightrateError(
            f"{papers[0] if papers else ''} has no figures of its own (@tr.figure): verify --report DIR draws its"
            " trials, and figures of the gallery are drawn by their names"
        )
    kinds = tuple(dict.fromkeys(part.strip() for part in formats.split(",")))
    for kind in kinds:
        if kind not in FORMATS:
            raise unknown_name("format", kind, FORMATS)
    if family not in FAMILIES:
        raise unknown_name("family", family, FAMILIES)
    _in_own_letters(notation)
    if source is not None and (len(chosen) != 1 or check):
        raise TightrateError("--from draws one figure from one file: name exactly one figure, without --check")
    if check:
        present = [name for name in chosen if names or is_regular(out / f"{name}.nc")]
        if not present:
            raise TightrateError(f"{out} holds no figure; give the folder with --out")
        stale = {name: why for name in present if (why := staleness(FIGURES[name], out)) is not None}
        for name in present:
            say(f"{name}: {'stale: ' + stale[name] if name in stale else 'up to date'}")
        return 1 if stale else 0
    given = None if source is None else load_dataset(source)  # before a folder is made for what it draws
    look = Look(cast("Columns", columns), cast("Family", family), cast("Notation", notation))
    for name in chosen:
        for ending in ("nc", *kinds):
            check_output(out / f"{name}.{ending}", source)
    told: list[str] = []
    with progress() as watcher:
        session = Session(_profile(profile), jobs=jobs, progress=watcher, store=default_store(), reuse=True)
        if source is None:
            session.prepare([FIGURES[name].experiment for name in chosen])
        for name in chosen:
            spec = FIGURES[name]
            dataset = session.result(spec.experiment)[0] if given is None else given
            if (drawing := spec.drawing(dataset)) is not spec:
                axes = ", ".join(map(str, dataset.dims))
                told.append(
                    f"note: {name} draws a sweep of its own; this one, over {axes}, is drawn as by the figure sweep"
                )
                spec = drawing
            told += map(str, save(spec, dataset, out, kinds, look))
            if notation == "paper" and not spec.letters_of:
                told.append(f"note: {name} speaks of no single paper: it is drawn in the alphabet's letters")
    for line in told:
        say(line)
    return 0


@app.command()
def reproduce(
    profile: ProfileName = "quick",
    out: Folder = Path("report"),
    jobs: Jobs = 2,
    seed: Seed = 20240511,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print every verdict, not the summary only.")
    ] = False,
    _papers: Papers = None,
) -> int:
    """Judge every claim, draw every figure, write a report.

    Example: tightrate reproduce --profile full --out report
    """
    from tightrate.figures.report import reproduce as make_report
    from tightrate.terminal.output import console, progress, say
    from tightrate.terminal.verdicts import report_card, summary
    from tightrate.verify.cache.result_cache import default_store
    from tightrate.verify.session import Session

    with progress() as watcher:
        session = Session(_profile(profile), seed, jobs, watcher, default_store())
        findings = make_report(out, session)
    console().print((report_card if verbose else summary)(findings))
    say("")
    say(f"The report: {out / 'index.html'}")
    return 0 if all(finding.as_expected for finding in findings) else 1


@app.command("new-paper")
def new_paper_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as doe2026.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the file.")] = Path(),
    bound: Annotated[
        str | None, typer.Option("--from-bound", metavar="BOUND", help="State this bound, LaTeX or plain text.")
    ] = None,
    letters: Letters = None,
    measure: Annotated[str | None, typer.Option(metavar="NAME", help="What the bound is about, such as gap.")] = None,
) -> None:
    """Start a paper of your own: a small commented file with one theorem, one problem and one claim.

    Example: tightrate new-paper doe2026
    """
    from tightrate.terminal.output import say
    from tightrate.verify.new_paper import new_paper

    path = new_paper(name, out, bound=bound, letters=letters, measure=measure)
    say(f"{path} is written; run: tightrate verify --paper {path}")


@app.command()
def falsify(
    theorem_id: Annotated[
        str,
        typer.Argument(
            metavar="THEOREM", help="A theorem, a search, or a pattern.", autocompletion=complete("theorems")
        ),
    ],
    seconds: Annotated[
        str | None, typer.Option(metavar="S", help="Time budget, at most 1e6; else a number of points.")
    ] = None,
    evaluations: Annotated[
        int | None,
        typer.Option(parser=whole_number("evaluations", 1, 10**7), metavar="N", help="Points to try in each search."),
    ] = None,
    seed: Seed = 0,
    witness: Annotated[str | None, typer.Option(metavar="'NAME=VALUE ...'", help="Measure this point again.")] = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> int:
    """Search for a violation of a theorem.

    Inside its conditions; exit status 1 if a verdict is not the expected one.

    Example: tightrate falsify khaled2025/thm2 --seconds 20
    """
    from tightrate.common.numbers import read_number
    from tightrate.common.threads import one_blas_thread
    from tightrate.terminal.arguments import read_values
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.falsification import print_falsifications
    from tightrate.terminal.output import console, progress
    from tightrate.verify.falsification.falsify import falsification_as_json, run_witness
    from tightrate.verify.falsification.falsify import falsify as search_for_violation

    budget = None if seconds is None else read_number("seconds", seconds)
    if budget is not None and not 0.1 <= budget <= MOST_SECONDS:
        raise TightrateError(f"seconds must lie between 0.1 and {MOST_SECONDS:g}, not {budget:g}")
    if witness is not None:
        found = [run_witness(theorem_id, read_values(witness.split()))]
    else:
        with progress() as watcher, one_blas_thread():
            searched = search_for_violation(
                theorem_id, seconds=budget, evaluations=evaluations, seed=seed, progress=watcher
            )
        found = list(searched)
    if as_json:
        print_json([falsification_as_json(one) for one in found])
    else:
        print_falsifications(found, console())
    return 0 if all(one.as_expected for one in found) else 1


@app.command("worst-case")
def worst_case_command(
    algorithm: Annotated[str, typer.Argument(autocompletion=complete("algorithms"))],
    values: Values = None,
    class_name: Annotated[
        str, typer.Option("--class", help="common-optimum, heterogeneous or one-worker; else by M and zeta_star.")
    ] = "",
    measure: Annotated[str, typer.Option(help="gap, squared-distance or squared-gradient.")] = "gap",
    output: Annotated[str, typer.Option(help="Iterate: last, average or weighted.")] = "last",
    theorem: Annotated[str | None, typer.Option("--against", metavar="THEOREM", help="Compare with its bound.")] = None,
    tune: Annotated[
        str, typer.Option(metavar="NAME,...", help="Steps to choose so that the worst case is least.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write result, certificate and functions to this file.")] = None,
    jobs: Jobs = 1,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run lists on this Dask cluster.")] = None,
    limit: Limit = "24",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> int:
    """The exact worst case of a method without noise.

    Over all convex L-smooth functions, for any number of workers.

    Symbols: K, R, M (inf unless given), L, mu, B, zeta_star, and the method's own steps; lists such as eta=0.5,1 make a
    table.  Exit status 1 if a theorem is refuted.

    Example: tightrate worst-case local-sgd K=4 R=2 eta=1 --against patel2024/prop7-constant
    """
    from tightrate.common.files import write_whole
    from tightrate.rates.statements.catalogue import theorem as theorem_of
    from tightrate.simulator.worst_case.settings import defaults_of, of_class
    from tightrate.simulator.worst_case.worst_case import tuned_worst_case
    from tightrate.simulator.worst_case.worst_case import worst_case as one_worst_case
    from tightrate.terminal.arguments import check_output, read_limit, read_lists, read_names, read_pairs
    from tightrate.terminal.documents import json_text, print_json
    from tightrate.terminal.output import console, working
    from tightrate.terminal.worst_case import worst_case_as_json, worst_case_page, worst_cases_as_json, worst_cases_page
    from tightrate.verify.exact_worst_case import against
    from tightrate.verify.worst_case_sweep import check_comparable, refuse_endless_programmes, worst_cases

    claimed = theorem_of(theorem) if theorem is not None else None
    given = read_lists(read_pairs(values or []), defaults_of(algorithm))
    settings: dict[str, Any] = {**of_class(class_name, given), "measure": measure, "output": output}
    lists = [name for name, value in given.items() if isinstance(value, list)]
    hours = read_limit(limit)
    for option, used in (("--out", out is not None), ("--tune", bool(tune))):
        if lists and used:
            raise TightrateError(f"{option} is for one worst case: give {lists[0]} one value")
    if lists:
        with working(f"worst cases of {algorithm}"):
            data = worst_cases(algorithm, settings, theorem=claimed, jobs=jobs, scheduler=scheduler, limit=hours)
        if as_json:
            print_json(worst_cases_as_json(data))
        else:
            console().print(worst_cases_page(data))
        return 1 if claimed is not None and bool((data.conclusion == "refuted").any()) else 0
    if out is not None:
        check_output(out)
    start = {name: float(settings.pop(name, 1.0)) for name in read_names(tune)}
    check_comparable(algorithm, {**settings, **start}, claimed)
    if start:
        refuse_endless_programmes(algorithm, {**settings, **start}, {}, len(start), hours)
    steps: dict[str, float] = {}
    with working(f"worst case of {algorithm}"):
        if start:
            tuned = tuned_worst_case(algorithm, start, **settings)
            found, steps = tuned.worst, dict(tuned.steps)
        else:
            found = one_worst_case(algorithm, **settings)
    compared = None if claimed is None else against(claimed, found)
    document = worst_case_as_json(found, compared)
    if out is not None:
        functions = {"functions": found.witness.as_json()} if found.status == "solved" else {}
        text = json_text({**document, "certificate": found.certificate, **functions})
        write_whole(out, lambda part: part.write_text(text, encoding="utf-8"))
    if as_json:
        print_json(document)
    else:
        console().print(worst_case_page(found, compared, steps))
    return 1 if compared is not None and compared.conclusion == "refuted" else 0
