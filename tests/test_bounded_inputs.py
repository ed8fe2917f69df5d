"""Numbers out of range, work that cannot end, files that are no specification: one line each, before anything runs."""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from command_runs import is_one_line
from hypothesis import given
from hypothesis import strategies as st

from tightrate.command_line import main
from tightrate.common.errors import TightrateError
from tightrate.common.files import MOST_BYTES, read_bytes, read_text
from tightrate.common.numbers import LARGEST, SMALLEST, number, read_number, read_whole, shown, sized, whole
from tightrate.common.processes import in_processes
from tightrate.common.workload import NUMBERS_PER_SECOND, refuse_endless
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.sweep.specification import Sweep
from tightrate.verify.sweep.toml_file import read_sweep
from tightrate.verify.sweep.tuning import Tuned

Answer = Callable[..., tuple[int, str, str]]
RUN = ("simulate", "local-sgd", "random-quadratics", "eta=0.1", "K=2")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tightrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


# How numbers are written


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1_000", "１２", "٣", "१", "0x10", "1e", "e5", "1e5e5", "--1", "+-1", "1/0", "1/", "/2", "1/2/3"),
        *("nan", "-inf", "1e999999999", "10**400", "9" * 5000, "1 000", "1,5", "1e400", "-1e200", "1e-200", "1/1e300"),
        *("²", "½", "1e+٣", "True", "1j", "0b1", "1.e2.5", "\x001", "1\n2", "∞∞", "infinit"),
    ],
)
def test_what_is_no_number_in_range_is_refused(text: str) -> None:
    with pytest.raises(TightrateError) as refusal:
        read_number("sigma", text)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@given(st.fractions(min_value=Fraction(1, 10**50), max_value=10**50), st.booleans())
def test_fractions_and_decimals_are_read_to_the_last_bit(value: Fraction, negative: bool) -> None:
    sign = "-" if negative else ""
    if len(str(value)) < 90:
        assert read_number("x", f"{sign}{value}") == float(-value if negative else value)
    assert read_number("x", f"{sign}{float(value)!r}") == (-float(value) if negative else float(value))


@given(st.integers() | st.floats(allow_nan=False))
def test_every_number_is_taken_or_refused_with_the_range(value: float) -> None:
    inside = (
        value == 0 or SMALLEST <= abs(value) <= LARGEST or (isinstance(value, float) and abs(value) == float("inf"))
    )
    if inside:
        assert number("x", value) == value
    else:
        with pytest.raises(TightrateError, match=r"magnitude from 1e-100 to 1e\+100"):
            number("x", value)


@given(st.integers(-(10**60), 10**60) | st.integers(-400, 5000).map(lambda power: 10 ** abs(power)))
def test_numbers_of_any_size_are_shown_in_a_few_digits(value: int) -> None:
    assert len(sized(value)) <= 12
    if 0 < abs(value) < 10**300:
        assert float(sized(value)) == pytest.approx(float(value), rel=0.06)
    assert shown(value) == sized(value)


@pytest.mark.parametrize(
    "value",
    [10**400, -(10**400), 10**5000, 2**53 + 1, 1e300, 1.5, float("inf"), float("nan"), True, "3", None, 1j],
    ids=lambda value: shown(value)[:40],
)
def test_counts_of_any_size_and_kind_are_refused_in_a_line(value: Any) -> None:
    with pytest.raises(TightrateError) as refusal:
        whole("R", value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("text", ["1_0", "２", "1.0", "1e2", "", "-", "9" * 5000, "257", "0", "-1", " 1 2"])
def test_options_that_count_are_read_in_ascii_digits(text: str) -> None:
    with pytest.raises(TightrateError, match="jobs must be"):
        read_whole("jobs", text, 1, 256)


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--jobs", "2000000000"),
        ("verify", "--jobs", "1_0"),
        ("verify", "--seed", "1" + "0" * 400),
        ("reproduce", "--seed", "-1"),
        ("figure", "--columns", "3"),
        ("falsify", "khaled2025/thm2", "--seconds", "inf"),
        ("falsify", "khaled2025/thm2", "--seconds", "nan"),
        ("falsify", "khaled2025/thm2", "--evaluations", "9" * 5000),
        ("evaluate", "patel2024/prop7-constant", "L=1e200", "B=1", "R=1"),
        ("evaluate", "patel2024/prop7-constant", "L=" + "9" * 5000, "B=1", "R=1"),
        ("rounds", "koloskova2020/convex", "eps=1e-300"),
        ("worst-case", "local-sgd", "K=1e300", "R=1", "eta=1"),
        (*RUN, "R=1e20"),
        (*RUN, "R=2", "sigma=1e200"),
        (*RUN, "R=2", "L=1e200"),
        (*RUN, "R=2", "seed=1e30"),
        (*RUN, "R=2", "sigma=1", "replicas=1e40"),
        (*RUN, "R=2", "--quantile", "1_0"),
        (*RUN, "R=2", "--limit", "0"),
        (*RUN, "R=2", "--limit", "many"),
        (*RUN, "R=2", "lam=0.1", "lambda=0.2"),
        ("worst-case", "local-sgd", "K=2", "R=1", "eta=0.5,1", "--limit", "1e-9"),
        ("worst-case", "local-sgd", "K=2", "R=1", "eta=0.5,1", "--limit", "nan"),
        ("worst-case", "local-sgd", "K=2", "R=1", "--tune", "eta", "--limit", "1e-6"),
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_every_command_says_what_it_takes(run: Answer, arguments: tuple[str, ...]) -> None:
    status, out, error = run(*arguments)
    assert (status, out, is_one_line(error)) == (2, "", True)
    assert len(error) < 400


def test_the_largest_allowed_numbers_print_no_warning(run: Answer) -> None:
    """Warnings are errors in these tests."""
    for values in (("L=1e99", "sigma=1"), ("L=1e99", "sigma=1e99"), ("B=1e100", "zeta_star=1e-90"), ("mu=1e-99",)):
        status, out, error = run(*RUN, "R=2", *values)
        assert (status, error) == (0, "")
        assert out


# Valid input


def test_a_bound_without_a_value_says_so(run: Answer) -> None:
    given_values = ("L=1", "B=1", "cosine=0.9", "gamma=1", "R=20")
    status, out, error = run("evaluate", "patel2024/prop7-exact", *given_values, "eta=2", "K=inf")
    assert (status, out, is_one_line(error)) == (2, "", True)
    assert "no limit" in error
    assert run("evaluate", "patel2024/prop7-exact", *given_values, "eta=1", "K=inf")[0] == 0


@pytest.mark.parametrize("eps", [1e-17])
def test_rounds_beyond_any_machine_are_still_counted(eps: float) -> None:
    """The least R with the bound at most eps, by its own definition at R and R - 1."""
    from tightrate.rates.orders.communication_complexity import rounds_to_accuracy

    claimed = theorem("koloskova2020/convex")
    values = {"L": 1.0, "B": 1.0, "sigma": 1.0, "zeta_star": 0.0, "M": 8, "K": 16}
    least = rounds_to_accuracy(claimed, {**values, "eps": eps}).least
    assert least is not None
    assert least < float("inf")
    assert float(claimed.bound.at({**values, "R": least})) <= eps * (1 + 1e-12)
    assert float(claimed.bound.at({**values, "R": least * 0.999})) > eps


# Work that cannot end

BASE: dict[str, Any] = {"algorithm": "local-sgd", "problem": "random-quadratics"}
FIXED = {"eta": 0.01, "sigma": 1.0, "K": 2}


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ({"axes": {"R": (10**12,)}}, "on one core"),
        ({"axes": {"R": (10**9, 10**10)}, "replicas": 10**4}, "on one core"),
        ({"axes": {"R": (1,)}, "replicas": 10**13}, "GiB"),
        ({"axes": {"R": tuple(range(1, 3000)), "M": tuple(range(2, 3000))}}, "GiB"),
        (
            {
                "axes": {"R": (1,)},
                "parameters": {"sigma": 1.0, "K": 2},
                "algorithm": "fedadam",
                "steps": {name: Tuned(0.01, 1.0, points=10**5) for name in ("eta", "gamma")},
            },
            "GiB",
        ),
        (
            {
                "axes": {"R": (1000,)},
                "parameters": {"sigma": 1.0, "K": 1000},
                "algorithm": "fedadam",
                "steps": {name: Tuned(0.01, 1.0, points=1000) for name in ("eta", "gamma")},
            },
            "on one core",
        ),
    ],
)
def test_endless_sweeps_are_refused_with_their_estimate_at_once(what: dict[str, Any], match: str) -> None:
    from tightrate.verify.sweep.run import run_sweep

    began = time.process_time()
    with pytest.raises(TightrateError, match=match) as refusal:
        run_sweep(Sweep("s", **{**BASE, "parameters": FIXED, **what}))
    assert "\n" not in str(refusal.value)
    assert time.process_time() - began < 10


ESTIMATED: dict[str, dict[str, Any]] = {
    "many replicas": {"axes": {"R": (100,)}, "parameters": {**FIXED, "K": 100}, "replicas": 100},
    "many rounds": {"axes": {"R": (20_000,)}, "parameters": {**FIXED, "K": 1}, "replicas": 10},
    "many dimensions": {"axes": {"R": (100,)}, "parameters": {**FIXED, "K": 10, "d": 100, "M": 8}, "replicas": 20},
    "many workers": {"axes": {"R": (100,)}, "parameters": {**FIXED, "K": 10, "M": 100}, "replicas": 50},
    "one replica": {"axes": {"R": (10_000,)}, "parameters": {**FIXED, "K": 1}, "replicas": 1},
    "tuned": {
        "axes": {"R": (200,)},
        "parameters": {"sigma": 1.0, "K": 10},
        "replicas": 20,
        "steps": {"eta": Tuned(0.01, 1.0)},
    },
    "another method": {"algorithm": "local-adam", "axes": {"R": (200,)}, "parameters": {**FIXED, "K": 20}},
    "steps that are not compiled": {
        "algorithm": "local-adam",
        "axes": {"R": (200,)},
        "parameters": {**FIXED, "K": 50},
        "replicas": 1,
    },
    "another noise": {"noise": "student", "axes": {"R": (200,)}, "parameters": {**FIXED, "K": 20}, "replicas": 50},
    "another problem": {"problem": "logistic-regression", "axes": {"R": (100,)}, "parameters": {**FIXED, "K": 10}},
    "many cells": {"axes": {"R": tuple(range(1, 21)), "K": tuple(range(1, 11))}, "replicas": 2},
    "exact": {"method": "exact", "axes": {"R": tuple(range(1, 101))}},
    "auto": {"method": "auto", "axes": {"R": tuple(range(1, 101))}},
}


@pytest.mark.soak
@pytest.mark.parametrize("kind", ESTIMATED)
def test_estimates_of_work_are_right_within_a_factor_of_ten(kind: str) -> None:
    """In seconds of the processor, once libraries are loaded; loops that are compiled may be faster still."""
    from tightrate.verify.sweep.run import run_sweep

    given_values = {"parameters": {"eta": 0.01, "sigma": 1.0, "K": 2}, **ESTIMATED[kind]}
    parameters = {name: value for name, value in given_values["parameters"].items() if name not in given_values["axes"]}
    sweep = Sweep("s", **{**BASE, **given_values, "parameters": {**parameters}})
    few = {name: value[:1] for name, value in given_values["axes"].items()}
    run_sweep(Sweep("warm", **{**BASE, **given_values, "parameters": parameters, "axes": {**few, "R": (2,)}}))
    began = time.process_time()
    run_sweep(sweep)
    seconds = time.process_time() - began
    assert 0.1 < sweep.numbers / NUMBERS_PER_SECOND / seconds < 10, (sweep.numbers, seconds)


def test_a_limit_can_be_raised_and_lowered(run: Answer) -> None:
    endless = (*RUN, "R=1e9", "sigma=1", "--method", "sample")
    status, _, error = run(*endless)
    assert (status, is_one_line(error), "--limit" in error) == (2, True, True)
    assert run(*RUN, "R=100", "sigma=1", "--method", "sample", "--limit", "1e-9")[0] == 2
    assert run(*RUN, "R=2", "sigma=1", "--method", "sample", "--limit", "1e9")[0] == 0
    refuse_endless("a run", 1e15, 1e6)


def test_axes_of_a_thousand_million_points_are_refused_before_they_are_made(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    tracemalloc.start()
    for points in (10**7, 10**9, 10**18, 10**400):
        path.write_text(
            'algorithm = "local-sgd"\nproblem = "random-quadratics"\n'
            f"[axes]\nR = {{from = 1, to = 10, points = {points}}}\n[parameters]\nK = 1\neta = 0.1\n"
        )
        with pytest.raises(TightrateError, match="points of axis R must be at most"):
            read_sweep(path)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_never_more_processes_than_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    def executor(workers: int, **_: object) -> None:
        raise RuntimeError(str(workers))

    monkeypatch.setattr("joblib.externals.loky.get_reusable_executor", executor)
    for jobs, calls, workers in ((200, 3, 3), (2, 10, 2)):
        with pytest.raises(RuntimeError, match=f"^{workers}$"):
            list(in_processes(abs, [(1,)] * calls, jobs))
    for jobs, calls in ((1, 5), (8, 1)):  # this process alone
        assert list(in_processes(abs, [(-1,)] * calls, jobs)) == [1] * calls


# Files that are no specification

HEAD = 'algorithm = "local-sgd"\nproblem = "random-quadratics"\n'
TOML: dict[str, bytes] = {
    "empty": b"",
    "not text": b"\xff\xfe\x00" * 10,
    "latin-1": 'name = "é"'.encode("latin-1"),
    "deep lists": b"axes = " + b"[" * 100_000,
    "deep tables": b"a = " + b"{a = " * 10_000,
    "deep names": b"[" + b".".join([b"a"] * 3000) + b"]",
    "axes a number": f"axes = 5\n{HEAD}".encode(),
    "axes a list": f"axes = [1]\n{HEAD}".encode(),
    "axes a table of tables": f"{HEAD}[[axes]]\nK = [1]".encode(),
    "axis a number": f"{HEAD}[axes]\nK = 5".encode(),
    "axis of dates": f"{HEAD}[axes]\nK = [1979-05-27]".encode(),
    "axis of lists": f"{HEAD}[axes]\nK = [[1], [2]]".encode(),
    "axis of tables": f"{HEAD}[axes]\nK = [{{a = 1}}]".encode(),
    "scale a number": f"{HEAD}[axes]\nK = {{from = 1, to = 2, points = 2, scale = 5}}".encode(),
    "scale a list": f"{HEAD}[axes]\nK = {{from = 1, to = 2, points = 2, scale = []}}".encode(),
    "points a list": f"{HEAD}[axes]\nK = {{from = 1, to = 2, points = []}}".encode(),
    "from a table": f"{HEAD}[axes]\nK = {{from = {{}}, to = 2, points = 2}}".encode(),
    "policy a number": f"{HEAD}[axes]\nK = [1]\n[steps]\neta = {{policy = 5}}".encode(),
    "policy a list": f"{HEAD}[axes]\nK = [1]\n[steps]\neta = {{policy = []}}".encode(),
    "steps a number": f"steps = 5\n{HEAD}[axes]\nK = [1]".encode(),
    "algorithm a number": b'algorithm = 5\nproblem = "random-quadratics"\n[axes]\nK = [1]',
    "algorithm a list": b'algorithm = ["local-sgd"]\nproblem = "random-quadratics"\n[axes]\nK = [1]',
    "measures a number": f"measures = 5\n{HEAD}[axes]\nK = [1]".encode(),
    "measures of numbers": f"measures = [5]\n{HEAD}[axes]\nK = [1]".encode(),
    "common a table": f"common = {{}}\n{HEAD}[axes]\nK = [1]".encode(),
    "theorem a list": f"theorem = []\n{HEAD}[axes]\nK = [1]".encode(),
    "output a number": f"output = 5\n{HEAD}[axes]\nK = [1]".encode(),
    "noise a list": f"noise = []\n{HEAD}[axes]\nK = [1]".encode(),
    "seed a text": f'seed = "x"\n{HEAD}[axes]\nK = [1]\nR = [1]\n[parameters]\neta = 1'.encode(),
    "an endless number": f"seed = {'9' * 5000}\n{HEAD}[axes]\nK = [1]".encode(),
    "a huge number": f"{HEAD}[axes]\nK = [1{'0' * 400}]".encode(),
    "a number as text": f'{HEAD}[axes]\nK = ["1"]'.encode(),
    "infinite points": f"{HEAD}[axes]\nK = {{from = 1, to = inf, points = 3}}".encode(),
}


@pytest.mark.parametrize("kind", TOML)
def test_what_is_no_specification_is_one_line(run: Answer, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(TOML[kind])
    status, out, error = run("sweep", path)
    assert (status, out, is_one_line(error)) == (2, "", True), error
    assert len(error) < 600
    assert list(tmp_path.iterdir()) == [path]


def test_pipes_devices_and_endless_files_are_not_read(run: Answer, tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe.toml", tmp_path / "large.toml"
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(100 << 20)
    for path in (pipe, large, Path("/dev/zero"), Path("/dev/null"), tmp_path, tmp_path / "none", Path("x" * 300)):
        for arguments in (("sweep", path), ("check-bound", "--file", path), ("check-bound", "R", "--macros", path)):
            status, out, error = run(*arguments)
            assert (status, out, is_one_line(error)) == (2, "", True), (arguments, error)
    with pytest.raises(TightrateError, match="at most"):
        read_bytes(large, MOST_BYTES)
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(tmp_path / "bom") == "a\nb"
