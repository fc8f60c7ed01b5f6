"""The fault layer: every streamed cassette, played in all the ways in which a network and a server can spoil it.

- `framed` takes a recorded body apart into frames and puts it together again; `subject` is a cassette's answer with
  what a spoilt one is measured by: the whole answer, what each frame adds, where the terminal marker is;
- `trials` plays one spoilt answer after the other, sync and a share of them async, and holds each to the rules that
  hold for any (`rules`: no untyped error, no leak, no secret, no call that is not one) and to its own;
- a module for each kind of fault makes the trials: `cutting`, `strange`, `ending`, `damage`, `stalls`, `leaving`;
- `cost` counts what decoding takes, `pool` uses real connections, `statuses` has the matrix of errors, `secrets` the
  places where a key could show, `local` what models in the process must bear.

Nothing here knows a provider. A wire that `walk` reads is judged by it too, if it agrees with the cassette's head.
"""
