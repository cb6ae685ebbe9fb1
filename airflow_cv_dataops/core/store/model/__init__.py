"""The tables, each with its columns: types, units and meanings. Literals only; ``schema`` makes everything else of them."""
