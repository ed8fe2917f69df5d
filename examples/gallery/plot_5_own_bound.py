"""
A bound of your own
===================

Text is read by a grammar, never run as code. What comes out has units, exponents and neighbours in the catalogue.
"""

import tightrate as tr

bound = tr.parse(
    r"\frac{HB^2}{KR} + \frac{\sigma B}{\sqrt{MKR}} + \frac{(H\sigma^2B^4)^{1/3}}{K^{1/3}R^{2/3}}", {"H": "L"}
)
checked = tr.check_bound(bound)
print("units agree:", checked.units_consistent, "for", ", ".join(checked.measures))

for term in checked.terms:
    print(term.expression, dict(term.shape.exponents))

# %%
# Its neighbours: entries of the catalogue for the same measure, and how the bound compares with them.
for neighbour in checked.neighbours[:6]:
    print(f"{neighbour.relation}  {neighbour.theorem.id}")
