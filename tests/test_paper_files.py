"""Papers of one's own as files: loaded once, found by everything, told apart, and never run under a wrong name."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import NOISES
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.statements import catalogue
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.verify.cache.code_digest import code_digest
from tightrate.verify.own_papers import load_paper

Write = Callable[..., Path]
PAPER = """
from tightrate.rates.statements.builder import Statements, read
from tightrate.rates.statements.theorem import Paper
from tightrate.rates.symbols.alphabet import B, L, R

PAPER = Paper("doe2026", title="A title")

@Statements(PAPER).upper("thm1", "A rate", provenance=read("Theorem 1"))
def thm1():
    \"\"\"The gap is at most this.\"\"\"
    return {"optimization": L * B**2 / R}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str = "doe.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return written


def test_a_file_is_run_once_and_again_when_it_or_a_helper_has_changed(write: Write) -> None:
    path = write("import helper\nvalue = helper.value\n")
    write("value = 1\n", "helper.py")
    first = paper_files.load(path)
    assert paper_files.load(path) is first
    assert paper_files.load(str(path)) is first
    before = paper_files.digest()
    write("value = 22\n", "helper.py")
    second = paper_files.load(path)
    assert (first.value, second.value) == (1, 22)
    assert paper_files.digest() != before
    assert paper_files.loaded() == (second,)
    assert not list(path.parent.glob("__pycache__"))


def test_modules_beside_a_file_are_found_and_shadow_nothing(write: Write) -> None:
    write("raise SystemExit(77)\n", "json.py")
    write("raise SystemExit(77)\n", "numpy.py")
    write("from inner import depth\n", "package/__init__.py")
    write("depth = 3\n", "inner.py")
    module = paper_files.load(write("import json, numpy\nfrom package import depth\n"))
    assert module.depth == 3
    assert "site-packages" in str(module.numpy.__file__)
    assert {"package", "inner"} <= set(vars(module)[paper_files.HELPERS])


def test_a_library_with_the_name_of_a_file_beside_a_paper_is_none_of_its_helpers(write: Write) -> None:
    """Of `time`, which is built in and has no file, nor of `numpy`, which has another, is ever said that it is ours."""
    for name in ("time.py", "numpy.py", "helper.py"):
        write("value = 1\n", name)
    module = paper_files.load(write("import time, numpy, helper\n"))
    assert [one.__name__ for one in paper_files.with_helpers()] == [module.__name__, "helper"]
    with pytest.raises(TightrateError, match=r"roe\.py, line 2: ZeroDivisionError"):
        paper_files.load(write("import time, numpy\n1 / 0\n", "roe.py"))


def test_helpers_of_two_papers_with_one_name_are_refused(write: Write) -> None:
    write("value = 1\n", "one/helper.py")
    write("value = 2\n", "two/helper.py")
    assert paper_files.load(write("import helper\nvalue = helper.value\n", "one/a.py")).value == 1
    with pytest.raises(TightrateError, match=r"two/helper\.py, but .*one/helper\.py of another paper"):
        paper_files.load(write("def late():\n    import helper\n", "two/b.py"))
    assert len(paper_files.loaded()) == 1
    write("value = 3\n", "one/other.py")  # which nobody there imports
    write("value = 4\n", "two/other.py")
    assert paper_files.load(write("import other\nvalue = other.value\n", "two/c.py")).value == 4


def test_threads_that_need_a_paper_at_once_wait_until_it_is_whole(write: Write) -> None:
    """As those of a worker of a cluster do."""
    path = write("import time\ntime.sleep(0.2)\nvalue = 1\n")
    digest = vars(paper_files.load(path))[paper_files.DIGEST]
    paper_files.forget(sys.modules["tightrate_papers.doe"])
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(paper_files.load_here, str(path), digest) for _ in range(4)]:
            done.result()
    assert paper_files.files()[0].value == 1


def test_what_a_file_prints_is_no_output_of_ours(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    paper_files.load(write("print('mine')\n"))
    assert capsys.readouterr() == ("", "mine\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = (\n", r"doe\.py, line 2: '\(' was never closed"),
        ("x = 1\n\nx / 0\n", r"doe\.py, line 3: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", r"doe\.py, line 2: SystemExit: 3"),
        ("import not_there\n", r"doe\.py, line 1: ModuleNotFoundError: No module named 'not_there'"),
        ("import tightrate as tr\ntr.theorem('patel2024/nothing')\n", r"doe\.py, line 2: unknown theorem"),
        ("\0", r"doe\.py: .*null bytes"),
        ("class Own(BaseException):\n    pass\nraise Own('own')\n", r"doe\.py, line 3: Own: own"),
        ("raise GeneratorExit\n", r"doe\.py, line 1: GeneratorExit"),
        ("raise ValueError('a\\nb' * 5000)\n", r"doe\.py, line 1: ValueError: a ba b.*\.\.\.$"),
        ("raise type('Mute', (Exception,), {'__str__': None})\n", r"doe\.py, line 1: Mute: it has no message"),
        ("def deeper():\n    deeper()\ndeeper()\n", r"doe\.py, line 2: RecursionError"),
        ("bytearray(10**18)\n", r"doe\.py, line 1: MemoryError"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_leaves_nothing(write: Write, text: str, message: str) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        load_paper(write(text))
    assert "\n" not in str(caught.value)
    assert paper_files.loaded() == ()


def test_a_mistake_in_a_helper_is_told_where_it_is(write: Write) -> None:
    write("def broken():\n    return 1 / 0\n", "helper.py")
    with pytest.raises(TightrateError, match=r"helper\.py, line 2: ZeroDivisionError"):
        paper_files.load(write("import helper\nhelper.broken()\n"))
    write("x = (\n", "helper.py")
    with pytest.raises(TightrateError, match=r"helper\.py, line 1: "):
        paper_files.load(write("import helper\n"))


def test_what_is_no_paper_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(TightrateError, match=r"there is no file .*start one with: tightrate new-paper"):
        load_paper(tmp_path / "none.py")
    with pytest.raises(TightrateError, match=r"its name must end in \.py"):
        load_paper(write("x = 1\n", "paper.txt"))
    load_paper(write("x = 1\n", "one/same.py"))
    with pytest.raises(TightrateError, match="two papers are named same"):
        load_paper(write("x = 1\n", "two/same.py"))


def test_statements_join_the_catalogue(write: Write) -> None:
    assert "doe2026" not in catalogue.paper_ids()
    load_paper(write(PAPER))
    assert catalogue.theorem("doe2026/thm1").bound.letters == ("R", "L", "B")
    assert catalogue.paper_ids()[-1] == "doe2026"
    assert catalogue.theorem_ids()[-1] == "doe2026/thm1"
    assert catalogue.paper("doe2026").reference.title == "A title"
    assert catalogue.paper("doe2026").reference.year == 2026
    with pytest.raises(TightrateError, match="unknown theorem 'doe2026/thm'; did you mean 'doe2026/thm1'"):
        catalogue.theorem("doe2026/thm")


def test_names_that_are_taken_are_refused(write: Write) -> None:
    mark = "from tightrate.{} import {} as registry\n@registry.add({!r})\ndef mine(*, eta): ...\n"
    for room, registry, name in (
        ("simulator.algorithm", "ALGORITHMS", "local-sgd"),
        ("constructions.problem", "PROBLEMS", "rank-one-pair"),
        ("constructions.noise", "NOISES", "gaussian"),
    ):
        with pytest.raises(TightrateError, match=f"named '{name}'; give one of them another name"):
            load_paper(write(mark.format(room, registry, name)))
    with pytest.raises(TightrateError, match="there is a paper patel2024 already"):
        load_paper(write(PAPER.replace("doe2026", "patel2024")))
    load_paper(write(PAPER))
    with pytest.raises(TightrateError, match="there is a paper doe2026 already"):
        load_paper(write(PAPER, "other.py"))
    assert catalogue.theorem_ids("doe2026") == ("doe2026/thm1",)


def test_what_is_imported_from_the_project_is_no_clash(write: Write) -> None:
    load_paper(
        write(
            "from tightrate.simulator.algorithms.fedavg import fedavg\n"
            "from tightrate.constructions.rank_one_pair import rank_one_pair\n"
            "from tightrate.constructions.noise import GaussianNoise\n"
            "from tightrate.rates.papers.patel2024 import PAPER\n"
            "class Mine(GaussianNoise): ...\n"
        )
    )
    assert len(ALGORITHMS.names()) == len(set(ALGORITHMS.names()))
    assert PROBLEMS["rank-one-pair"].__module__.startswith("tightrate.constructions")
    assert NOISES["gaussian"].__name__ == "GaussianNoise"


def test_papers_of_the_environment_are_loaded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paper_files.VARIABLE, str(write(PAPER)))
    assert catalogue.theorem("doe2026/thm1").id == "doe2026/thm1"
    monkeypatch.setenv(paper_files.VARIABLE, "none.py")
    with pytest.raises(TightrateError, match=r"there is no file none\.py"):
        catalogue.theorem("doe2026/thm1")


def install(folder: Path, name: str, text: str, entry_points: bytes | None = None) -> None:
    """A package in a folder of its own, with the metadata that an installer writes."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")
    (folder / name / "rates.py").write_text(text)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_bytes(entry_points or f"[{paper_files.GROUP}]\n{name} = {name}\n".encode())


def test_installed_papers_are_found_by_their_entry_point(tmp_path: Path) -> None:
    install(tmp_path, "doe_paper", PAPER)
    code = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "from tightrate.rates.statements.catalogue import theorem, paper_ids\n"
        "print(theorem('doe2026/thm1').id, paper_ids()[-1])\n"
    )
    root = Path(__file__).parents[1]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout == "doe2026/thm1 doe2026\n"


NO_PAPERS: Mapping[str, tuple[str, bytes | None]] = {
    "raises": ("raise RuntimeError('two\\nlines')", None),
    "ends": ("import sys; print('printed'); sys.exit(3)", None),
    "long": ("raise ValueError('x' * 10_000)", None),
    "needs": ("import a_library_that_is_not_there", None),
    "syntax": ("def (:", None),
    "elsewhere": ("", b"[tightrate.papers]\none = not_there.rates\n"),
    "nameless": ("", b"[tightrate.papers]\none =\n"),
    "relative": ("", b"[tightrate.papers]\none = .rates\n"),
    "no_pairs": ("", b"[tightrate.papers]\none\n"),
    "no_text": ("", b"[tightrate.papers]\n\xff\xfe\n"),
}


@pytest.mark.parametrize("kind", NO_PAPERS)
def test_an_installed_paper_that_is_broken_is_one_line_and_the_rest_goes_on(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, offered = NO_PAPERS[kind]
    install(tmp_path / "broken", kind, text, offered)
    install(tmp_path / "whole", "whole", PAPER)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "broken"), str(tmp_path / "whole")])
    for found in (paper_files._entry_points, paper_files._installed):
        monkeypatch.setattr(paper_files, found.__name__, cache(found.__wrapped__))
    assert catalogue.theorem("doe2026/thm1").id == "doe2026/thm1"
    assert catalogue.theorem("patel2024/prop7").id == "patel2024/prop7"
    out, error = capsys.readouterr()
    named = {"elsewhere": "not_there.rates", "nameless": "paper ", "relative": ".rates"}.get(kind, kind)
    lines = [line for line in error.splitlines() if line != "printed"]
    assert out == ""
    assert len(lines) == 1
    assert f"{named} " in lines[0]
    assert lines[0].startswith("tightrate: ")
    assert len(lines[0]) < 700
    for module in ("whole.rates", "whole", kind, f"{kind}.rates"):
        sys.modules.pop(module, None)


def test_another_process_loads_the_same_file_or_refuses(write: Write) -> None:
    path = write("def double(x):\n    return 2 * x\n")
    call = paper_files.carried(paper_files.load(path).double, 21)
    sent = pickle.dumps(call)
    (module,) = paper_files.files()
    paper_files.forget(module)
    assert pickle.loads(sent)() == 42  # as in a process that has not loaded it
    paper_files.forget(paper_files.files()[0])
    write("def double(x):\n    return 3 * x\n")
    with pytest.raises(TightrateError, match="is not the file that the paper was loaded from"):
        pickle.loads(sent)()
    assert paper_files.files() == ()
    assert paper_files.carried(max, 1, 2)() == 2  # without papers a call is a call


def test_results_of_a_paper_are_stale_when_it_or_a_helper_changes(write: Write) -> None:
    path = write("import tightrate.verify.verdict\nimport helper\n")
    write("x = 1\n", "helper.py")
    name = paper_files.load(path).__name__
    built_in = code_digest("tightrate.verify.verdict")
    first = code_digest(name)
    assert first == code_digest(name)
    write("x = 2\n", "helper.py")
    assert code_digest(name) == first  # what runs is what was loaded
    paper_files.load(path)
    assert code_digest(name) != first
    assert code_digest("tightrate.verify.verdict") == built_in
