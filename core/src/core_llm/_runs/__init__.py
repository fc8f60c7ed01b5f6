"""A run: the turns of a model and its tools as one stream.

What it may do is in `limits` and `approval`, how far it has come in `state`, what happens next in `steps`; `run` and
`async_run` are what a caller holds.
"""
