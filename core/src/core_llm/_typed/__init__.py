"""Calls whose answer is wanted as a value of a type.

`asked` says what is wanted and how an answer that does not fit is corrected, without I/O; `typed_stream` and
`async_typed_stream` are what a caller holds.
"""
