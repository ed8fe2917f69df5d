"""The three papers in examples/papers: every verdict is as expected, and what is wrong in them would be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tightrate.common import paper_files
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.claim import judge
from tightrate.verify.own_papers import load_paper
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session

PAPERS = Path(__file__).resolve().parent.parent / "examples" / "papers"
NAMES = ("fedprox", "proxskip", "scaffold")


@pytest.mark.parametrize("name", NAMES)
def test_every_verdict_of_the_paper_is_as_expected(name: str) -> None:
    path = PAPERS / f"{name}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150
    module = load_paper(path)
    try:
        claims = CLAIMS.match(f"{name}/*")
        assert len(claims) >= 4
        for claim in claims:
            finding = judge(CLAIMS[claim], Session())
            assert finding.verdict.status == CLAIMS[claim].expected, (claim, finding.verdict)
    finally:
        paper_files.forget(module if module is not None else paper_files.loaded()[-1])


@pytest.mark.parametrize(
    ("name", "right", "wrong", "claim"),
    [
        ("proxskip", "(1 - min(eta*mu, p^2))^(K*R)", "(1 - min(2*eta*mu, 2*p))^(K*R)", "proxskip/exactly"),
        ("scaffold", 'algorithm="scaffold"', 'algorithm="fedavg"', "scaffold/optimum-for-every-K"),
        ("fedprox", "(prox/(prox + mu))^(2*R) * B^2", "(prox/(prox + 2*L))^(2*R) * B^2", "fedprox/contracts"),
    ],
)
def test_a_wrong_statement_of_the_paper_is_violated(
    tmp_path: Path, name: str, right: str, wrong: str, claim: str
) -> None:
    text = (PAPERS / f"{name}.py").read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / f"{name}.py"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    load_paper(path)
    try:
        assert judge(CLAIMS[claim], Session()).verdict.status == "violated"
    finally:
        paper_files.forget(paper_files.loaded()[-1])


def test_communications_are_accelerated_by_the_root_of_the_condition_number() -> None:
    """Rounds to a millionth with p = 1/sqrt(kappa) grow like its root at most, those of gradient steps like kappa."""
    rounds: dict[str, list[int]] = {"proxskip": [], "minibatch-sgd": []}
    for kappa in (16, 64, 256):
        problem = random_quadratics(M=4, d=2, tau=0.0, zeta_star=1.0, B=1.0, mu=1 / kappa, seed=5)
        K = round(np.sqrt(kappa))
        for name, steps, most in (("proxskip", K, 16 * K), ("minibatch-sgd", 1, 16 * kappa)):
            along = np.unique(np.geomspace(1, most, 200).astype(int))[None]
            errors = exact_moments(ALGORITHMS[name](eta=1.0), problem, K=steps, R=along).last.squared_distance[0]
            assert errors.min() < 1e-6
            rounds[name].append(int(along[0, np.argmax(errors < 1e-6)]))
    slopes = {name: np.diff(np.log(found)) / np.log(4) for name, found in rounds.items()}
    assert slopes["proxskip"].max() < 0.6
    assert slopes["minibatch-sgd"].min() > 0.9
