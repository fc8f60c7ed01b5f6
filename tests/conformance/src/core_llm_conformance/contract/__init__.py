"""The checks of the contract layer: what holds of a plugin before anything is answered to it.

- `sources` finds the plugin's own modules and classes;
- `import_program` is run in a fresh interpreter, `imports` judges what it saw;
- `packaging`, `hooks`, `declaration`, `patterns`, `options` and `typed` read what the plugin says of itself;
- `samples` has requests to encode, and the answers of the cassettes to decode; `code` and `watch` look for what a wire
  must not use, in its text and while it runs; `purity` and `state` judge that;
- `sending` catches what a client would send; `keys`, `addresses` and `refusals` judge it;
- `broken_frames` hands a decoder what no server should send, `guard` stops one that does not return.
"""
