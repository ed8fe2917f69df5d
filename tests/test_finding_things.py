"""Lists, `show` and messages lead to everything that has a name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest

import tightrate
from tightrate.common.errors import unknown_name
from tightrate.rates.statements.catalogue import statement, theorem, theorem_ids
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.terminal.entry import ENTRIES, entry
from tightrate.terminal.listing import KINDS, as_table, elsewhere, everywhere, listing, matching, names
from tightrate.terminal.verdicts import report_card, witness_text
from tightrate.verify.claim import Finding
from tightrate.verify.registry import CLAIMS
from tightrate.verify.verdict import Verdict


def said(*arguments: str, columns: str = "60") -> subprocess.CompletedProcess[str]:
    """A command whose output is piped."""
    return subprocess.run(
        [sys.executable, "-m", "tightrate", *arguments],
        env={**os.environ, "COLUMNS": columns},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bare_command_prints_its_help_over_several_lines() -> None:
    done = said()
    assert done.returncode == 0
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) > len(KINDS)
    assert "evaluate" in done.stdout


def test_the_version_is_said_alike_everywhere() -> None:
    assert said("--version").stdout == f"tightrate {tightrate.__version__}\n"


def test_a_piped_list_has_one_line_for_each_entry_with_its_whole_id() -> None:
    lines = said("list", "claims").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(CLAIMS.names())


@pytest.mark.parametrize("width", [20, 60, 100])
def test_no_width_breaks_a_word(width: int) -> None:
    columns, rows = ("id", "theorem", "statement"), [("paper/a-long-label", "paper/another-long-label", "a word")]
    text = as_table(columns, rows, width)
    assert {word for row in rows for cell in row for word in cell.split()} <= set(text.split())


def test_filters_say_what_the_theorems_say() -> None:
    found = {row[0] for row in matching("theorems", "", {"of": "patel2024", "kind": "lower", "measure": "gap"})[1]}
    entries = [statement(one) for one in theorem_ids("patel2024")]
    assert found == {one.id for one in entries if one.kind == "lower" and one.measure == "gap"} != set()
    about = {row[0] for row in matching("algorithms", "", {"of": "lee2024"})[1]}
    described = {name: ALGORITHMS.describe(name).theorems for name in ALGORITHMS.names()}
    assert about == {name for name, ids in described.items() if any(one.startswith("lee2024/") for one in ids)} != set()


@pytest.mark.parametrize(
    ("kind", "pattern", "filters", "message"),
    [
        ("theorems", "nothing*", {}, "unknown theorem"),
        ("theorems", "", {"kind": "lowr"}, "did you mean 'lower'"),
        ("theorems", "", {"of": "patel"}, "did you mean 'patel2024'"),
        ("noises", "", {"measure": "gap"}, "noises are not told apart by measure"),
    ],
)
def test_what_cannot_match_is_refused(kind: str, pattern: str, filters: dict[str, str], message: str) -> None:
    with pytest.raises(tightrate.TightrateError, match=re.escape(message)):
        matching(kind, pattern, filters)


def test_a_name_is_found_among_all_kinds() -> None:
    kinds = {row[0] for row in everywhere("local-sgd")[1]}
    assert {"algorithms", "theorems", "claims"} <= kinds


@pytest.mark.parametrize("kind", ENTRIES)
def test_everything_that_is_listed_can_be_shown(kind: str) -> None:
    ids = [row[0] for row in listing(kind)[1]]
    for name in ids[:: max(len(ids) // 8, 1)]:
        found = entry(kind, name)
        assert found.id == name
        assert found.title or kind == "parameters"
        assert json.dumps(found.as_json())
        assert found.page()


def test_showing_an_algorithm_shows_its_box_and_parameters() -> None:
    shown = json.loads(said("show", "local-sgd", "--json").stdout)
    assert "every worker m" in shown["box"]
    assert {one["parameter"] for one in shown["parameters"]} == {"eta", "gamma"}
    assert "patel2024/prop7" in shown["theorems"]


def test_a_theorem_given_as_a_claim_leads_to_the_claims_about_it() -> None:
    error = unknown_name("claim", "patel2024/thm27", CLAIMS.names())
    about = [claim.id for claim in CLAIMS.entries().values() if claim.theorem_id == "patel2024/thm27"]
    assert about
    assert all(name in elsewhere(error) for name in about[:3])
    assert "is no claim but a theorem" in elsewhere(error)
    done = said("verify", "patel2024/thm27")
    assert done.returncode == 2
    assert elsewhere(error) in done.stderr


def test_every_list_that_a_message_names_exists() -> None:
    for kind in ("problem", "algorithm", "claim", "theorem", "figure", "paper", "letter", "measure", "noise"):
        many = [f"{kind}-{number}" for number in range(99)]
        (named,) = re.findall(r"`tightrate list (\w+)`", str(unknown_name(kind, "x", many)))
        assert named in KINDS
    assert "99 names)" in str(unknown_name("gadget", "x", map(str, range(99))))
    assert "'zzz' (known: a)" in str(unknown_name("gadget", "zzz", ["a"]))


def test_names_are_those_of_all_kinds() -> None:
    assert {"gap", "K", "local-sgd", "gaussian", "patel2024/prop7", "krm-sweep"} <= set(names())


# --- verdicts on the terminal -----------------------------------------------------------------------------------------


def shown(*findings: Finding) -> str:
    from rich.console import Console

    console = Console(width=400, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(report_card(findings))
    return captured.get()


def test_an_open_verdict_says_why_and_a_violation_its_witness() -> None:
    claim = CLAIMS["dekel2012/exponent-optimization"]
    open_one = Verdict("inconclusive", "Noise hides it. Needed: 64 times the replicas.", "", "")
    assert "Needed: 64 times the replicas." in shown(Finding(claim, open_one, 0.0))
    wrong = Verdict("violated", "It grows.", "a", "b", witness={"K": 4.0, "R": [1.0, 2.0]})
    text = shown(Finding(claim, wrong, 0.0))
    assert "K = 4, R = (1, 2)" in text
    assert "It grows." in text
    fine = Verdict("consistent", "Nothing to see.", "a", "b")
    assert "Nothing to see." not in shown(Finding(claim, fine, 0.0))


def test_a_long_witness_is_left_to_json() -> None:
    assert len(witness_text({name: list(range(1000)) for name in "abc"})) < 80


# --- steps that a theorem prescribes ----------------------------------------------------------------------------------

VALUES = {"L": 1.0, "mu": 0.5, "B": 4.0, "sigma": 4.0, "zeta_star": 1.0, "K": 16.0, "R": 32.0, "M": 4.0}


def as_arguments(values: dict[str, float]) -> Sequence[str]:
    return [f"{name}={value:.17g}" for name, value in values.items()]


def test_evaluate_fills_in_the_prescribed_steps() -> None:
    found = theorem("patel2024/thm27-equal-quadratics")
    steps = {name: float(found.step_at(name, VALUES)) for name in found.steps}
    command = ("evaluate", found.id, *as_arguments(VALUES))
    filled = json.loads(said(*command, "eta=prescribed", "--json").stdout)
    given = json.loads(said(*command, *as_arguments(steps), "--json").stdout)
    assert filled["prescribed"] == pytest.approx(steps)
    assert given["prescribed"] == {}
    assert filled["value"] == pytest.approx(given["value"], rel=1e-12)
    assert filled["value"] == pytest.approx(found(VALUES), rel=1e-12)


def test_a_step_that_cannot_be_found_names_what_is_missing() -> None:
    done = said("evaluate", "patel2024/thm27-equal-quadratics", "L=1", "mu=0.5")
    assert done.returncode == 2
    assert "missing value for B, K, M, R, sigma" in done.stderr


def test_rounds_takes_a_bound_as_text() -> None:
    text = ("rounds", "L*B^2/R + sigma*B/sqrt(M*K*R)", "eps=0.01", "L=1", "B=1", "sigma=1", "M=4", "K=2", "--json")
    found = json.loads(said(*text).stdout)
    assert 1 / found["rounds"] + 1 / (8 * found["rounds"]) ** 0.5 <= 0.01
    before = found["rounds"] - 1
    assert 1 / before + 1 / (8 * before) ** 0.5 > 0.01
    assert said("rounds", "L*B^2/K", "eps=0.1").returncode == 2
