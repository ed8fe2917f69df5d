"""What the theory predicts: symbols, formulas, statements, papers, and the algebra of orders."""
