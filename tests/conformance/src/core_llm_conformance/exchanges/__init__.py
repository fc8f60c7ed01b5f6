"""The checks of the exchanges layer: a recorded answer, whole, and what the plugin makes of it.

- `claims`: which cassettes there are, and whether one shows what is declared not to be;
- `answers`: what comes of an answer, against the cassette's head, the walk of its wire, and the scenario;
- `evidence`: whether text and reasoning are what the body says, on any wire;
- `parity`: async is as sync, streamed as plain, through vcrpy as through our own transport;
- `going_back`: the answer goes back into a conversation, and through JSON;
- `sending`: what is asked is what the cassette answers;
- `in_process`: a model without a server, asked itself;
- `failing`: the errors that a provider sent.
"""
