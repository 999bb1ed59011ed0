"""The mapping's expressions: a subset of CEL with a few functions, whose results never change under one number.

`expression.py` has what others use. An expression's text becomes tokens (`lexer.py`), a tree (`parser.py`,
`syntax.py`) and closures (`compiler.py`, `calls.py`, `loops.py`, `pieces.py`) that use `operators.py` and the functions
of `functions.py`, `letters.py` and `dates.py`.
"""
