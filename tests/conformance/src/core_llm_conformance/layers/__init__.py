"""The layers of the suite: contract, exchanges (cassettes), faults, payload; a class of tests each."""
