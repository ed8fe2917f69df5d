"""The command line: `tightrate COMMAND`; exit status 0 as expected, 1 an unexpected verdict, 2 bad input.

A command is a file of its name in the folder `commands`, with a function `command`.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated, NoReturn

import typer

from tightrate import commands
from tightrate.common.errors import TightrateError, UnknownNameError
from tightrate.common.files import reason
from tightrate.common.paper_files import guarded
from tightrate.terminal.ending import ended, refusal
from tightrate.terminal.listing import elsewhere

ALLOCATIONS = 100_000  # between two looks for garbage: what importing the libraries leaves is none


def main() -> NoReturn:
    """Run the command line; bad input is one line on standard error and exit status 2."""
    sys.exit(ended(answer))


def answer() -> int:
    """The exit status of the command; bad input is one line on standard error and status 2."""
    gc.set_threshold(ALLOCATIONS)
    try:
        _check_own_code()
        asked = [name for name in command_names() if sys.argv[1:2] == [name]]
        status = guarded(lambda: application(*asked)(standalone_mode=False))
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


def command_names() -> tuple[str, ...]:
    """The commands that there are."""
    return tuple(module.name.replace("_", "-") for module in iter_modules(commands.__path__))


def application(*names: str) -> typer.Typer:
    """The command line with these commands, or with all: a run needs one, and building the others takes time."""
    app = typer.Typer(
        name="tightrate",
        help="Cross-examine the convergence theory of local-update optimization.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(whole)
    for name in names or command_names():
        module = import_module(f"{commands.__name__}.{name.replace('-', '_')}")
        app.command(name)(module.command)
    return app


def whole(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Cross-examine the convergence theory of local-update optimization."""
    if context.invoked_subcommand is None:
        sys.stdout.write(f"{context.get_help()}\n")


def _print_version(wanted: bool) -> None:
    if wanted:
        from tightrate import __version__

        sys.stdout.write(f"tightrate {__version__}\n")
        raise typer.Exit


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
