"""The report of a run: what it holds (`model`), how it is gathered (`gather`, `declared`), and its four forms.

The forms are a page (`markdown`), JSON (the model itself), JUnit (`junit`) and a badge (`badge`); `files` writes them
and holds a committed one against a run. All are the same for the same plugin, but for what is said to change with time.
"""
