"""Claims of chezhegov2024: local SGD in the norm of a scaling matrix that the workers share."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.judging.order import CODES, judge_orders
from tightrate.verify.papers.chezhegov2024 import (
    algebra_runs,
    changing_runs,
    factor_runs,
    frozen_runs,
    scaling_matrix_runs,
)
from tightrate.verify.verdict import Verdict


def without_words(data: xr.Dataset) -> xr.Dataset:
    """The dataset without coordinates that are words, which a witness of numbers cannot hold."""
    return data.drop_vars([name for name in data.coords if data[name].dtype.kind not in "fiu"])


# --- Algebra ---------------------------------------------------------------------------------------------------------


def judge_identities(data: xr.Dataset, *prefixes: str) -> Verdict:
    """Confirmed when all identities of these names are "0" after simplification and all inequalities have their sign.

    At least one name must match.
    """
    equal = {str(name): str(left) for name, left in zip(data.identity.values, data.difference.values, strict=True)}
    equal = {name: left for name, left in equal.items() if name.startswith(prefixes)}
    ordered = data.isel(inequality=[str(name).startswith(prefixes) for name in data.inequality.values])
    signs = {
        str(name): bool(holds) for name, holds in zip(ordered.inequality.values, ordered.holds.values, strict=True)
    }
    excesses = dict(zip(signs, map(str, ordered.excess.values), strict=True))
    wrong = {name: left for name, left in equal.items() if left != "0"}
    wrong |= {name: excesses[name] for name, holds in signs.items() if not holds}
    evidence = {name: str(data.right.sel(identity=name).item()) for name in equal} | excesses
    predicted = "difference 0" + (", excess positive" if signs else "")
    if not (equal or signs) or wrong:
        sentence = f"{len(wrong)} of {len(equal) + len(signs)} identities and inequalities are not evident."
        return Verdict("violated", sentence, predicted, "; ".join(wrong.values()), evidence=evidence, witness=wrong)
    also = f" and finds the sign of all {len(signs)} inequalities" if signs else ""
    sentence = f"Computer algebra simplifies the difference to 0 in all {len(equal)} identities{also}."
    return Verdict("confirmed", sentence, predicted, predicted, evidence=evidence)


@claim(
    "chezhegov2024/cor1-rule2",
    statement=(
        "With 1 - beta_t <= eta mu d_min^2/d_max^3 one update of D^2 grows D by at most eta mu/(2 d_max), and half the"
        " contraction of a step remains."
    ),
    theorem="chezhegov2024/cor1-rule2",
    kind="identity",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def cor1_rule2(data: xr.Dataset) -> Verdict:
    """Lemma 1's growth at the extreme weight, and the slack of (1 + delta)(1 - x) <= 1 - x/2, by computer algebra."""
    return judge_identities(data, "cor1-rule2")


@claim(
    "chezhegov2024/cor1-rule3",
    statement=(
        "With 1 - beta_t <= eta mu d_min/(4 d_max^2) one update of D grows it by at most eta mu/(2 d_max), and half the"
        " contraction of a step remains."
    ),
    theorem="chezhegov2024/cor1-rule3",
    kind="identity",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def cor1_rule3(data: xr.Dataset) -> Verdict:
    """Lemma 1's growth at the extreme weight, and the slack of (1 + delta)(1 - x) <= 1 - x/2, by computer algebra."""
    return judge_identities(data, "cor1-rule3")


@claim(
    "chezhegov2024/averaging-must-be-slow",
    statement=(
        "At the largest step d_min/(4L) Corollary 1 asks for 1 - beta_t <= (mu/L) (d_min/d_max)^3/4 under rule (2) and"
        " (mu/L) (d_min/d_max)^2/16 under rule (3): beyond 0.999 as soon as L/mu exceeds 250, or 62.5."
    ),
    theorem="chezhegov2024/cor1-rule2",
    kind="regime",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def averaging_must_be_slow(data: xr.Dataset) -> Verdict:
    """The condition of Corollary 1 with the step put in, the condition number at which it reaches 1/1000 for
    d_max = d_min, and that it is below from there on for every d_max, by computer algebra."""
    return judge_identities(data, "beta2: ")


@claim(
    "chezhegov2024/adam-starts-too-fast",
    statement=(
        "Adam's bias-corrected weight at the first update is 1 - beta_1 = 1/(1 + beta) > 1/2, while Corollary 1 allows"
        " at most 1/4 at any admissible step: no beta satisfies it."
    ),
    theorem="chezhegov2024/cor1-rule2",
    kind="regime",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def adam_starts_too_fast(data: xr.Dataset) -> Verdict:
    """The weight, and the signs of its excess over 1/2 for every beta below 1 and of 1/4 less the limit for all
    mu <= L, d_min <= d_max and eta <= d_min/(4L), by computer algebra."""
    return judge_identities(data, "adam: complement of the first weight", "adam: rule")


@claim(
    "chezhegov2024/adam-weight",
    statement="Rule (2) with weight (beta - beta^{t+1})/(1 - beta^{t+1}) is Adam's bias-corrected second moment.",
    theorem="chezhegov2024/lemma1",
    kind="identity",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def adam_weight(data: xr.Dataset) -> Verdict:
    """Both recursions with the same past and the same fresh gradient, by computer algebra."""
    return judge_identities(data, "adam: bias correction")


@claim(
    "chezhegov2024/effective-step",
    statement=(
        "In units of the step eta/d_min the bound for a frozen matrix is that of local SGD with mu multiplied by"
        " d_min/d_max."
    ),
    theorem="chezhegov2024/id-sc",
    kind="identity",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def effective_step(data: xr.Dataset) -> Verdict:
    """Term by term, in units of d_min for the squared distance, by computer algebra."""
    return judge_identities(data, "effective step: ")


@claim(
    "chezhegov2024/worst-case-never-helps",
    statement=(
        "Read with the worst-case constants L/d_min and mu/d_max, no term of a theorem with a scaling matrix is of"
        " smaller order than with D = I and the step eta/d_min, and each theorem has a term of larger order."
    ),
    theorem="chezhegov2024/id-sc",
    kind="regime",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def worst_case_never_helps(data: xr.Dataset) -> Verdict:
    """Every term of nine theorems by the order algebra, given d_min <= d_max and d_min B^2 <= B_D^2 <= d_max B^2.

    What forgets the start geometrically is compared by its rate: exactly d_min/d_max of that with D = I.
    """
    names = [str(name) for name in data.question.values]
    holding = [name for name in names if name.startswith("worst case: ")]
    strictly: dict[str, list[str]] = {name.split(": ")[1]: [] for name in holding}
    for name in names:
        if name.startswith("strictly: ") and int(data.answer.sel(question=name)) == CODES["fails"]:
            strictly[name.split(": ")[1]].append(name)
    rates = judge_identities(data, "contraction: ")
    if rates.status != "confirmed":
        return rates
    if not all(strictly.values()):
        equal = [label for label, worse in strictly.items() if not worse]
        return Verdict(
            "violated", "Some theorem loses nothing.", "a term of larger order", "none", witness={"equal": equal}
        )
    what = "no term of smaller order, one of larger order in every theorem"
    return judge_orders(data, holds=holding, fails=[worse[0] for worse in strictly.values()], what=what)


def _tuned(data: xr.Dataset, source: str, target: str, *, both: bool) -> Verdict:
    """The bound at its best step against the rate, one way or both."""
    source, target = f"chezhegov2024/{source} at its best step", f"chezhegov2024/{target}"
    holds = [f"{source} <~ {target}", *([f"{target} <~ {source}"] if both else [])]
    return judge_orders(data, holds=holds, what=f"{source} {'~' if both else '<~'} {target}")


@claim(
    "chezhegov2024/tuned-convex",
    statement="Minimizing the convex bound over the step gives the tuned rate, in order.",
    theorem="chezhegov2024/id-c-tuned",
    kind="scaling",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def tuned_convex(data: xr.Dataset) -> Verdict:
    """All balances of the terms by the order algebra, with certificates in both directions."""
    return _tuned(data, "id-c", "id-c-tuned", both=True)


@claim(
    "chezhegov2024/tuned-strongly-convex",
    statement="Minimizing the strongly convex bound over the step gives the tuned rate, up to logarithms.",
    theorem="chezhegov2024/id-sc-tuned",
    kind="scaling",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def tuned_strongly_convex(data: xr.Dataset) -> Verdict:
    """The step at which the exponential meets the other terms, and the order algebra in both directions."""
    return _tuned(data, "id-sc-euclidean", "id-sc-tuned", both=True)


@claim(
    "chezhegov2024/summarized-identical",
    statement="The tuned convex bound is at most d_max/d_min times local SGD's rate for identical data.",
    theorem="chezhegov2024/identical",
    kind="scaling",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def summarized_identical(data: xr.Dataset) -> Verdict:
    """The minimum over the step with B_D^2 = d_max B^2, by the order algebra."""
    return _tuned(data, "id-c", "identical", both=False)


@claim(
    "chezhegov2024/summarized-heterogeneous",
    statement="The tuned heterogeneous bound is at most d_max/d_min times local SGD's rate for heterogeneous data.",
    theorem="chezhegov2024/heterogeneous",
    kind="scaling",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def summarized_heterogeneous(data: xr.Dataset) -> Verdict:
    """The minimum over the step with B_D^2 = d_max B^2, by the order algebra."""
    return _tuned(data, "het-c", "heterogeneous", both=False)


@claim(
    "chezhegov2024/slides-coefficients",
    statement=(
        "At eta = sqrt(M)/(8 L sqrt(T)) the heterogeneous bound of Khaled et al. at a general step has the coefficients"
        " 32, 5/2 and 1/4 of the authors' slides, and K <= sqrt(T/M) is eta <= 1/(8LK)."
    ),
    theorem="khaled2020/thm5-slides",
    kind="identity",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def slides_coefficients(data: xr.Dataset) -> Verdict:
    """Each term at the prescribed step against the displayed one, by computer algebra."""
    return judge_identities(data, "slides: khaled2020/thm5 ", "slides: 8 eta")


@claim(
    "chezhegov2024/slides-local-gd",
    statement=(
        "At eta = sqrt(M)/(4 L sqrt(T)) the bound for local gradient descent at a general step has the coefficients 8"
        " and 3/2 of the slides."
    ),
    theorem="khaled2020/local-gd-slides",
    kind="identity",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def slides_local_gd(data: xr.Dataset) -> Verdict:
    """Each term at the prescribed step against the displayed one, by computer algebra."""
    return judge_identities(data, "slides: khaled2020/local-gd ")


def _balance(data: xr.Dataset, which: str) -> Verdict:
    holds = [f"balance: {which}: drift below noise", f"balance: {which}: noise below drift"]
    return judge_orders(data, holds=holds, what="drift ~ noise")


@claim(
    "chezhegov2024/slides-balance",
    statement="The drift and the noise of the slides' bound balance at K - 1 of order T^{1/4} M^{-3/4}.",
    theorem="khaled2020/thm5-slides",
    kind="scaling",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def slides_balance(data: xr.Dataset) -> Verdict:
    """Both terms at that number of local steps, each of the order of the other by the order algebra."""
    return _balance(data, "derived")


@claim(
    "chezhegov2024/slides-balance-as-printed",
    statement="The drift and the noise of the slides' bound balance at their K - 1 = T^{1/4} M^{-3/2}.",
    theorem="khaled2020/thm5-slides",
    kind="erratum",
    data=algebra_runs.scaling_algebra,
    expected="violated",
)
def slides_balance_as_printed(data: xr.Dataset) -> Verdict:
    """Both terms at the number of local steps that the slides call optimal, by the order algebra.

    It is enough, but not optimal: along growing M the drift stays below the noise by M^{-3/2}.
    """
    return _balance(data, "printed")


@claim(
    "chezhegov2024/fixed-point-first-order",
    statement=(
        "To first order in eta the bound on the fixed point's distance is"
        " eta (K - 1) zeta_1 tau_mean d_max/(2 d_min^{3/2} mu)."
    ),
    theorem="chezhegov2024/fixed-point-small-step",
    kind="identity",
    data=algebra_runs.scaling_algebra,
    expected="confirmed",
)
def fixed_point_first_order(data: xr.Dataset) -> Verdict:
    """The limit of bound/eta as eta tends to 0, by computer algebra."""
    return judge_identities(data, "fixed point: ")


# --- The scaling matrix ----------------------------------------------------------------------------------------------


@claim(
    "chezhegov2024/lemma1-entries",
    statement="Every entry of the matrix in use stays between d_min and d_max.",
    theorem="chezhegov2024/lemma1",
    kind="bound with constants",
    data=scaling_matrix_runs.scaling_matrix_updates,
    expected="consistent",
)
def lemma1_entries(data: xr.Dataset) -> Verdict:
    """The shipped AdaHessian (rule 2) and OASIS (rule 3), fed with random and extreme increments of size d_max."""
    data = without_words(data)
    witness = {name: data[name] for name in UPDATE_LETTERS}
    upper = judge_bound(
        data.entry, data["bound: lemma1"], side="upper", what="entry", rounding=1e-13 * data.d_max, witness=witness
    )
    lower = judge_bound(
        data.entry, data.d_min, side="lower", what="entry", rounding=1e-13 * data.d_max, witness=witness
    )
    return upper if upper.status != "consistent" or lower.status == "consistent" else lower


UPDATE_LETTERS = ("d_min", "d_max", "beta2")


def _update(data: xr.Dataset, measured: str, label: str, rule: str) -> Verdict:
    at = without_words(data.sel(rule=rule))
    scale = at.d_max if measured == "change" else at.d_max / at.d_min
    return judge_bound(
        at[measured],
        at[f"bound: {label}"],
        side="upper",
        what=theorem(f"chezhegov2024/lemma1-{label}-{rule}").bound.measure.meaning,
        rounding=1e-14 * scale,
        witness={name: at[name] for name in UPDATE_LETTERS},
    )


@claim(
    "chezhegov2024/lemma1-change-rule2",
    statement="One update of D^2 changes an entry of the matrix in use by at most (1 - beta) d_max^2/(2 d_min).",
    theorem="chezhegov2024/lemma1-change-rule2",
    kind="bound with constants",
    data=scaling_matrix_runs.scaling_matrix_updates,
    expected="consistent",
)
def lemma1_change_rule2(data: xr.Dataset) -> Verdict:
    """The shipped AdaHessian, fed with random and extreme increments of size at most d_max."""
    return _update(data, "change", "change", "rule2")


@claim(
    "chezhegov2024/lemma1-change-rule3",
    statement="One update of D changes an entry of the matrix in use by at most 2 (1 - beta) d_max.",
    theorem="chezhegov2024/lemma1-change-rule3",
    kind="bound with constants",
    data=scaling_matrix_runs.scaling_matrix_updates,
    expected="consistent",
)
def lemma1_change_rule3(data: xr.Dataset) -> Verdict:
    """The shipped OASIS, fed with random and extreme increments of size at most d_max."""
    return _update(data, "change", "change", "rule3")


@claim(
    "chezhegov2024/lemma1-growth-rule2",
    statement="One update of D^2 grows an entry of the matrix in use by at most (1 - beta) d_max^2/(2 d_min^2).",
    theorem="chezhegov2024/lemma1-growth-rule2",
    kind="bound with constants",
    data=scaling_matrix_runs.scaling_matrix_updates,
    expected="consistent",
)
def lemma1_growth_rule2(data: xr.Dataset) -> Verdict:
    """The shipped AdaHessian, fed with random and extreme increments of size at most d_max."""
    return _update(data, "growth", "growth", "rule2")


@claim(
    "chezhegov2024/lemma1-growth-rule3",
    statement="One update of D grows an entry of the matrix in use by at most 2 (1 - beta) d_max/d_min.",
    theorem="chezhegov2024/lemma1-growth-rule3",
    kind="bound with constants",
    data=scaling_matrix_runs.scaling_matrix_updates,
    expected="consistent",
)
def lemma1_growth_rule3(data: xr.Dataset) -> Verdict:
    """The shipped OASIS, fed with random and extreme increments of size at most d_max."""
    return _update(data, "growth", "growth", "rule3")


@claim(
    "chezhegov2024/sharp-growth-rule2",
    statement="Under rule (2) an entry grows by at most sqrt(1 + (1 - beta)(d_max^2/d_min^2 - 1)) - 1.",
    theorem="chezhegov2024/lemma1-sharp-growth-rule2",
    kind="bound with constants",
    data=scaling_matrix_runs.scaling_matrix_updates,
    expected="consistent",
)
def sharp_growth_rule2(data: xr.Dataset) -> Verdict:
    """The shipped AdaHessian; entries that start at d_min and meet d_max attain it."""
    return _update(data, "growth", "sharp-growth", "rule2")


@claim(
    "chezhegov2024/sharp-growth-rule3",
    statement=(
        "Under rule (3) an entry grows by at most (1 - beta)(d_max/d_min - 1), less than half of what Lemma 1 says, so"
        " that Corollary 1 holds for twice its 1 - beta."
    ),
    theorem="chezhegov2024/lemma1-sharp-growth-rule3",
    kind="bound with constants",
    data=scaling_matrix_runs.scaling_matrix_updates,
    expected="consistent",
)
def sharp_growth_rule3(data: xr.Dataset) -> Verdict:
    """The shipped OASIS; entries that start at d_min and meet d_max attain it."""
    return _update(data, "growth", "sharp-growth", "rule3")


@claim(
    "chezhegov2024/adam-is-bias-corrected",
    statement="The squared entries of the shipped Adam scaling are the bias-corrected second moments of its gradients.",
    theorem="chezhegov2024/lemma1",
    kind="identity",
    data=scaling_matrix_runs.adam_bias_correction,
    expected="confirmed",
)
def adam_is_bias_corrected(data: xr.Dataset) -> Verdict:
    """Forty updates with gradients over six orders of magnitude, against the sum that defines the moment."""
    return judge_identity(
        data.squared_entry,
        data.corrected,
        data.corrected,
        what="second moment",
        relative=1e-10,
        witness={"beta2": data.beta2},
    )


@claim(
    "chezhegov2024/hutchinson",
    statement="For signs v every entry of v * (A v) is at most sqrt(d) |A|: so d_max = sqrt(d) L will do.",
    theorem="chezhegov2024/hutchinson",
    kind="bound with constants",
    data=scaling_matrix_runs.hutchinson_samples,
    expected="consistent",
)
def hutchinson(data: xr.Dataset) -> Verdict:
    """Random symmetric matrices up to d = 16, and Hadamard matrices, which attain it."""
    return judge_bound(
        data.entry,
        data.bound,
        side="upper",
        what="largest entry",
        rounding=1e-13 * data.bound,
        witness={name: data[name] for name in ("L", "d")},
    )


@claim(
    "chezhegov2024/gradients-as-entries",
    statement=(
        "With RMSProp or Adam scaling the largest entry of the matrix is the largest gradient of the run, L B on a"
        " quadratic: no d_max depends on L, mu and sigma alone."
    ),
    theorem="chezhegov2024/lemma1",
    kind="counterexample",
    data=scaling_matrix_runs.gradients_as_entries,
    expected="confirmed",
)
def gradients_as_entries(data: xr.Dataset) -> Verdict:
    """Noiseless runs on one quadratic from start distances over four decades: the largest entry against L B."""
    data = without_words(data)
    exact = data.attrs["L"] * data.B
    return judge_identity(data.entry, exact, exact, what="largest entry", witness={"B": data.B})


# --- A frozen matrix -------------------------------------------------------------------------------------------------


@claim(
    "chezhegov2024/frozen-is-local-sgd",
    statement="With a frozen matrix D the scaled method is local SGD in the variables D^{1/2} x, on every trajectory.",
    theorem="chezhegov2024/id-sc",
    kind="identity",
    data=frozen_runs.frozen_scaling_trajectories,
    expected="confirmed",
)
def frozen_is_local_sgd(data: xr.Dataset) -> Verdict:
    """Step by step with common noise: noisy heterogeneous quadratics, and logistic regression with common rows."""
    data = without_words(data)
    one = xr.ones_like(data.error)
    return judge_identity(
        1 + data.error,
        one,
        one,
        what="the trajectory in new variables",
        relative=1e-12,
        witness={"spread": data.spread},
    )


FROZEN_LETTERS = ("L", "mu", "sigma", "zeta_star", "B", "B_scaled", "d_min", "d_max", "K", "R", "M", "eta")


def _frozen(data: xr.Dataset, label: str) -> Verdict:
    at = without_words(data.sel(theorem=label))
    return judge_bound(
        at.measured,
        at.bound,
        side="upper",
        what=theorem(f"chezhegov2024/{label}").bound.measure.meaning,
        rounding=at.rounding,
        witness={name: at[name] for name in FROZEN_LETTERS},
    )


@claim(
    "chezhegov2024/id-sc",
    statement="Identical strongly convex machines, frozen matrix: E|x - x*|_D^2 is at most the bound in the D-norm.",
    theorem="chezhegov2024/id-sc",
    kind="bound with constants",
    data=frozen_runs.frozen_scaling_instances,
    expected="consistent",
)
def id_sc(data: xr.Dataset) -> Verdict:
    """Exact moments on random dense quadratics, K to 32 and R to 1000, steps up to the largest admissible one."""
    return _frozen(data, "id-sc")


@claim(
    "chezhegov2024/id-sc-euclidean",
    statement="Identical strongly convex machines, frozen matrix: E|x - x*|^2 is at most d_max/d_min times as much.",
    theorem="chezhegov2024/id-sc-euclidean",
    kind="bound with constants",
    data=frozen_runs.frozen_scaling_instances,
    expected="consistent",
)
def id_sc_euclidean(data: xr.Dataset) -> Verdict:
    """Exact moments on random dense quadratics, a third of them with D large along flat directions."""
    return _frozen(data, "id-sc-euclidean")


@claim(
    "chezhegov2024/id-quadratic",
    statement="On one quadratic the noise adds at most 4 eta sigma^2/(7 mu M) to E|x - x*|_D^2, without d_max/d_min.",
    theorem="chezhegov2024/id-quadratic",
    kind="bound with constants",
    data=frozen_runs.frozen_scaling_instances,
    expected="consistent",
)
def id_quadratic(data: xr.Dataset) -> Verdict:
    """Exact moments on random dense quadratics, K to 32 and R to 1000, steps up to the largest admissible one."""
    return _frozen(data, "id-quadratic")


@claim(
    "chezhegov2024/id-c",
    statement="Identical convex machines, frozen matrix: the gap of the average is at most the bound.",
    theorem="chezhegov2024/id-c",
    kind="bound with constants",
    data=frozen_runs.frozen_scaling_instances,
    expected="consistent",
)
def id_c(data: xr.Dataset) -> Verdict:
    """Exact moments on random dense quadratics, steps up to the largest admissible one."""
    return _frozen(data, "id-c")


@claim(
    "chezhegov2024/id-c-tuned",
    statement="Identical convex machines, frozen matrix, balancing step: the gap is at most the tuned bound.",
    theorem="chezhegov2024/id-c-tuned",
    kind="bound with constants",
    data=frozen_runs.frozen_scaling_instances,
    expected="consistent",
)
def id_c_tuned(data: xr.Dataset) -> Verdict:
    """Exact moments on random dense quadratics at the prescribed step."""
    return _frozen(data, "id-c-tuned")


@claim(
    "chezhegov2024/het-c",
    statement="Heterogeneous convex machines, frozen matrix, noise at the optimum: the gap is within the bound.",
    theorem="chezhegov2024/het-c",
    kind="bound with constants",
    data=frozen_runs.frozen_scaling_instances,
    expected="consistent",
)
def het_c(data: xr.Dataset) -> Verdict:
    """Exact moments on random dense quadratics that do not commute, steps up to the largest admissible one."""
    return _frozen(data, "het-c")


@claim(
    "chezhegov2024/het-c-own",
    statement="Heterogeneous convex machines, frozen matrix, uniform noise: the gap is within the bound.",
    theorem="chezhegov2024/het-c-own",
    kind="bound with constants",
    data=frozen_runs.frozen_scaling_instances,
    expected="consistent",
)
def het_c_own(data: xr.Dataset) -> Verdict:
    """Exact moments on random dense quadratics that do not commute, steps up to the largest admissible one."""
    return _frozen(data, "het-c-own")


# --- The factor d_max/d_min ------------------------------------------------------------------------------------------


def tried_matrices(values: xr.DataArray) -> xr.DataArray:
    """One axis for all matrices: those that follow the curvatures are one each, random ones many."""
    parts = [values.sel(lies=lies, drop=True) for lies in values.lies.values]
    return xr.concat([part.dropna("draw", how="all") for part in parts], dim="draw")


@claim(
    "chezhegov2024/factor-attained",
    statement=(
        "A matrix that is largest along the flattest direction contracts exactly as slowly as (1 - eta mu/d_max)^{2KR}:"
        " the factor d_max/d_min in the rate is real."
    ),
    theorem="chezhegov2024/id-quadratic",
    kind="exact value",
    data=factor_runs.scaling_factor,
    expected="confirmed",
)
def factor_attained(data: xr.Dataset) -> Verdict:
    """The squared distance in the D-norm after a hundred steps at eta = d_min/(4L), for d_max/d_min from 1 to 10^4."""
    measured = data.contraction.sel(lies="against", drop=True).isel(draw=0)
    exact = data["contraction: id-quadratic"]
    return judge_identity(
        measured, exact, xr.ones_like(exact), what="contraction", relative=1e-9, witness={"ratio": data.ratio}
    )


@claim(
    "chezhegov2024/contraction",
    statement="No frozen matrix contracts the squared D-norm distance more slowly than (1 - eta mu/d_max)^{2KR}.",
    theorem="chezhegov2024/id-quadratic",
    kind="bound with constants",
    data=factor_runs.scaling_factor,
    expected="consistent",
)
def contraction(data: xr.Dataset) -> Verdict:
    """Matrices against the curvatures, along them and random, from a start in the slowest direction."""
    tried = tried_matrices(data.contraction)
    return judge_bound(
        tried,
        data["contraction: id-quadratic"],
        side="upper",
        what="contraction",
        rounding=1e-10 * data["contraction: id-quadratic"],
        witness={"ratio": data.ratio},
    )


@claim(
    "chezhegov2024/floor-without-factor",
    statement=(
        "On one quadratic the noise floor of E|x - x*|_D^2 stays below 4/7 of eta sigma^2/(mu M) for every d_max/d_min."
    ),
    theorem="chezhegov2024/id-quadratic",
    kind="bound with constants",
    data=factor_runs.scaling_factor,
    expected="consistent",
)
def floor_without_factor(data: xr.Dataset) -> Verdict:
    """The exact limit under noise in the flattest direction, or proportional to D, for d_max/d_min from 1 to 10^4."""
    tried = tried_matrices(data.floor)
    return judge_bound(
        tried, data["floor: id-quadratic"], side="upper", what="noise floor", witness={"ratio": data.ratio}
    )


@claim(
    "chezhegov2024/along-the-curvatures",
    statement=(
        "D^{-1/2} A D^{-1/2} has the condition number kappa d_max/d_min for D against the curvatures, and"
        " max(kappa d_min/d_max, d_max/(kappa d_min)) along them: 1 at d_max/d_min = kappa."
    ),
    theorem="chezhegov2024/id-sc",
    kind="exact value",
    data=factor_runs.scaling_factor,
    expected="confirmed",
)
def along_the_curvatures(data: xr.Dataset) -> Verdict:
    """Condition numbers in the scaled geometry for d_max/d_min from 1 to 10^4."""
    measured = tried_matrices(data.condition.sel(lies=["against", "along"]).isel(draw=[0]))
    kappa = data.attrs["kappa"]
    along = np.maximum(kappa / data.ratio, data.ratio / kappa)
    exact = xr.concat([kappa * data.ratio, along], dim="draw")
    return judge_identity(measured, exact, exact, what="condition number", relative=1e-9, witness={"ratio": data.ratio})


# --- A changing matrix -----------------------------------------------------------------------------------------------

CHANGING_LETTERS = ("L", "mu", "zeta_star", "B", "d_min", "d_max", "K", "M", "eta", "beta2")


def judge_changing(data: xr.Dataset, label: str) -> Verdict:
    """Means of sampled runs against the bound, one-sided, each with the dataset's number of standard errors."""
    cases = [str(name) for name in data.case.values if str(name).split()[0] == label]
    at = without_words(data.sel(case=cases))
    at = at.where(np.isfinite(at.bound).any(("case", "instance")), drop=True)
    slack = data.attrs["standard_errors"] * at.stderr
    witness = {name: at[name] for name in CHANGING_LETTERS}
    what = theorem(f"chezhegov2024/{label}").bound.measure.meaning
    strict = judge_bound(at["mean"] + slack, at.bound, side="upper", what=what, witness=witness)
    if strict.status == "consistent":
        return strict
    lenient = judge_bound(at["mean"] - slack, at.bound, side="upper", what=what, witness=witness)
    if lenient.status == "violated":
        return lenient
    sentence = "Some interval holds the bound: more replicas are needed."
    return Verdict("inconclusive", sentence, strict.predicted, strict.measured, evidence=strict.evidence)


@claim(
    "chezhegov2024/changing-rule2",
    statement="With the square averaged as slowly as Corollary 1 asks, the bound for a changing matrix holds.",
    theorem="chezhegov2024/changing-rule2",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_rule2(data: xr.Dataset) -> Verdict:
    """SAVIC with AdaHessian and RMSProp scaling at the fastest admitted averaging, after every round; 5 sigma."""
    return judge_changing(data, "changing-rule2")


@claim(
    "chezhegov2024/changing-rule3",
    statement="With the matrix averaged as slowly as Corollary 1 asks, the bound for a changing matrix holds.",
    theorem="chezhegov2024/changing-rule3",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_rule3(data: xr.Dataset) -> Verdict:
    """SAVIC with OASIS scaling at the fastest admitted averaging, after every round; 5 sigma."""
    return judge_changing(data, "changing-rule3")


@claim(
    "chezhegov2024/changing-block-rule2",
    statement="With the growth of an update paid by the contraction of a block, square averaged, the bound holds.",
    theorem="chezhegov2024/changing-block-rule2",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_block_rule2(data: xr.Dataset) -> Verdict:
    """SAVIC with AdaHessian and RMSProp scaling at the fastest admitted averaging, after every round; 5 sigma."""
    return judge_changing(data, "changing-block-rule2")


@claim(
    "chezhegov2024/changing-block-rule3",
    statement="With the growth of an update paid by the contraction of a block, matrix averaged, the bound holds.",
    theorem="chezhegov2024/changing-block-rule3",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_block_rule3(data: xr.Dataset) -> Verdict:
    """SAVIC with OASIS scaling at the fastest admitted averaging, after every round; 5 sigma."""
    return judge_changing(data, "changing-block-rule3")


@claim(
    "chezhegov2024/changing-c-rule2",
    statement="Convex, identical data: twice the frozen bound holds while averaging D^2 grows D at most twofold.",
    theorem="chezhegov2024/changing-c-rule2",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_c_rule2(data: xr.Dataset) -> Verdict:
    """SAVIC with AdaHessian and RMSProp scaling at the fastest admitted averaging, gap of the average; 5 sigma."""
    return judge_changing(data, "changing-c-rule2")


@claim(
    "chezhegov2024/changing-c-rule3",
    statement="Convex, identical data: twice the frozen bound holds while averaging D grows it at most twofold.",
    theorem="chezhegov2024/changing-c-rule3",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_c_rule3(data: xr.Dataset) -> Verdict:
    """SAVIC with OASIS scaling at the fastest admitted averaging, gap of the average; 5 sigma."""
    return judge_changing(data, "changing-c-rule3")


@claim(
    "chezhegov2024/changing-het-c-rule2",
    statement="Convex, heterogeneous data: twice the frozen bound holds while averaging D^2 grows D at most twofold.",
    theorem="chezhegov2024/changing-het-c-rule2",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_het_c_rule2(data: xr.Dataset) -> Verdict:
    """SAVIC with AdaHessian scaling at the fastest admitted averaging, gap of the average; 5 sigma."""
    return judge_changing(data, "changing-het-c-rule2")


@claim(
    "chezhegov2024/changing-het-c-rule3",
    statement="Convex, heterogeneous data: twice the frozen bound holds while averaging D grows it at most twofold.",
    theorem="chezhegov2024/changing-het-c-rule3",
    kind="bound with constants",
    data=changing_runs.changing_scaling,
    expected="consistent",
)
def changing_het_c_rule3(data: xr.Dataset) -> Verdict:
    """SAVIC with OASIS scaling at the fastest admitted averaging, gap of the average; 5 sigma."""
    return judge_changing(data, "changing-het-c-rule3")


# --- The fixed point -------------------------------------------------------------------------------------------------

FIXED_POINT_LETTERS = ("L", "mu", "tau_mean", "zeta_mean", "d_min", "d_max", "K", "eta")


@claim(
    "chezhegov2024/fixed-point-formula",
    statement="Without noise the method with frozen D ends at the fixed point of C_m = I - (I - eta D^{-1} A_m)^K.",
    theorem="chezhegov2024/fixed-point",
    kind="identity",
    data=frozen_runs.scaled_fixed_point,
    expected="confirmed",
)
def fixed_point_formula(data: xr.Dataset) -> Verdict:
    """Step-by-step runs until nothing moves, against the formula: the distance relative to the machines' optima."""
    one = xr.ones_like(data.reached)
    return judge_identity(
        1 + data.reached / data["size"],
        one,
        one,
        what="the last iterate",
        relative=1e-11,
        witness={name: data[name] for name in FIXED_POINT_LETTERS},
    )


@claim(
    "chezhegov2024/drift-remains",
    statement="A common scaling matrix does not remove client drift: the method ends away from the optimum.",
    theorem="chezhegov2024/fixed-point",
    kind="counterexample",
    data=frozen_runs.scaled_fixed_point,
    expected="confirmed",
)
def drift_remains(data: xr.Dataset) -> Verdict:
    """The distance of the last iterate from the optimum, against that of the fixed point, and against rounding."""
    equal = judge_identity(
        data.remaining,
        data.discrepancy,
        data["size"],
        what="final distance from the optimum, against |x_inf - x*|_D",
        relative=1e-9,
        witness={name: data[name] for name in FIXED_POINT_LETTERS},
    )
    least = float((data.discrepancy / data["size"]).min())
    if equal.status != "confirmed" or least < 1e-9:
        worst = equal.witness or {"least |x_inf - x*|_D relative to the optima": least}
        return Verdict("violated", "Some run ended at the optimum.", equal.predicted, equal.measured, witness=worst)
    return Verdict(
        "confirmed",
        f"All {data.sizes['instance']} runs end at x_inf, at least {least:.1e} of the optima's size away from x*.",
        "x_R -> x_inf, which is not x*",
        f"|x_inf - x*|_D at least {least:.1e}",
        evidence={**equal.evidence, "least |x_inf - x*|_D relative to the optima": least},
    )


def _fixed_point(data: xr.Dataset, bound: str) -> Verdict:
    return judge_bound(
        data.discrepancy,
        data[f"bound: {bound}"],
        side="upper",
        what="distance of the fixed point from the optimum in the norm of D",
        rounding=1e-12 * data["size"],
        witness={name: data[name] for name in FIXED_POINT_LETTERS},
    )


@claim(
    "chezhegov2024/fixed-point",
    statement="|x_inf - x*|_D is at most the bound on the discrepancy with worst-case constants.",
    theorem="chezhegov2024/fixed-point",
    kind="bound with constants",
    data=frozen_runs.scaled_fixed_point,
    expected="consistent",
)
def fixed_point(data: xr.Dataset) -> Verdict:
    """Random heterogeneous quadratics with the matrix of the clients' first gradients."""
    return _fixed_point(data, "fixed-point")


@claim(
    "chezhegov2024/fixed-point-small-step",
    statement="|x_inf - x*|_D is at most first order in eta (K - 1), with worst-case constants.",
    theorem="chezhegov2024/fixed-point-small-step",
    kind="bound with constants",
    data=frozen_runs.scaled_fixed_point,
    expected="consistent",
)
def fixed_point_small_step(data: xr.Dataset) -> Verdict:
    """The same instances."""
    return _fixed_point(data, "fixed-point-small-step")


@claim(
    "chezhegov2024/fixed-point-true-constants",
    statement="|x_inf - x*|_D is at most local gradient descent's bound with the constants of the scaled geometry.",
    theorem="patel2024/discrepancy",
    kind="bound with constants",
    data=frozen_runs.scaled_fixed_point,
    expected="consistent",
)
def fixed_point_true_constants(data: xr.Dataset) -> Verdict:
    """The same instances, with L, mu, tau and zeta of f(D^{-1/2} y) as measured."""
    return _fixed_point(data, "true")
