"""`tightrate counterexample`: reproduce the counterexample: K does not help."""

from __future__ import annotations

from tightrate.terminal.options import AsJson


def command(as_json: AsJson = False) -> None:
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
