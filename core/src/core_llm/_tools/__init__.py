"""Tools: their definition (`definition`, from `signature` and `docstrings`), what they are given (`context`)."""
