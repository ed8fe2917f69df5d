"""Bounds of all papers against exact worst cases: every bound that a programme can express (a test compares the list).

The catalogue is asked for a formula only when a claim is run.
"""

from __future__ import annotations

from tightrate.verify.exact_worst_case_claims import worst_case_claim

chezhegov2024_local_id_sc = worst_case_claim("chezhegov2024/local-id-sc", __name__)
chezhegov2024_local_id_c = worst_case_claim("chezhegov2024/local-id-c", __name__)
chezhegov2024_local_het_c_own = worst_case_claim("chezhegov2024/local-het-c-own", __name__)
dekel2012_fixed_step = worst_case_claim("dekel2012/fixed-step", __name__)
dekel2012_explicit = worst_case_claim("dekel2012/explicit", __name__)
khaled2020_identical_convex = worst_case_claim("khaled2020/identical-convex", __name__)
khaled2020_thm5 = worst_case_claim("khaled2020/thm5", __name__)
khaled2020_thm5_slides = worst_case_claim("khaled2020/thm5-slides", __name__)
khaled2020_local_gd = worst_case_claim("khaled2020/local-gd", __name__)
khaled2020_local_gd_slides = worst_case_claim("khaled2020/local-gd-slides", __name__)
khaled2025_thm1 = worst_case_claim("khaled2025/thm1", __name__)
khaled2025_thm1_safe = worst_case_claim("khaled2025/thm1-safe", __name__)
khaled2025_eq2_explicit = worst_case_claim("khaled2025/eq2-explicit", __name__)
khaled2025_ill_tuned = worst_case_claim("khaled2025/ill-tuned", __name__)
khaled2025_thm2 = worst_case_claim("khaled2025/thm2", __name__)
khaled2025_thm2_safe = worst_case_claim("khaled2025/thm2-safe", __name__)
khaled2025_thm3_safe = worst_case_claim("khaled2025/thm3-safe", __name__)
khaled2025_cor1_safe = worst_case_claim("khaled2025/cor1-safe", __name__)
patel2024_lemma8 = worst_case_claim("patel2024/lemma8", __name__)
patel2024_prop7_constant = worst_case_claim("patel2024/prop7-constant", __name__)
patel2024_prop7_any_workers = worst_case_claim("patel2024/prop7-any-machines", __name__)
patel2024_prop7_tau = worst_case_claim("patel2024/prop7-tau", __name__)
patel2024_thm11_constant = worst_case_claim("patel2024/thm11-constant", __name__)
patel2024_thm11_exact = worst_case_claim("patel2024/thm11-exact", __name__)
patel2024_thm27_equal_quadratics = worst_case_claim("patel2024/thm27-equal-quadratics", __name__)
patel2024_two_quadratics_floor = worst_case_claim("patel2024/two-quadratics-floor", __name__)
woodworth2020a_quadratic = worst_case_claim("woodworth2020a/quadratic", __name__)
