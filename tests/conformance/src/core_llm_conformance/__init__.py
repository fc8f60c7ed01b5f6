"""What every provider plugin of core-llm must pass, and what the tests of the whole project are made with.

The rooms, from what happened to what is asserted:

- `corpus` reads real recordings and a plugin's own cassettes;
- `walk` says what a recorded body holds, without any decoder of ours;
- `cuts` cuts a body into the pieces in which it could arrive;
- `replay` (and `replay_httpx2`) answers an HTTP client with recordings, cut, reset or stalled;
- `script` and `server` are a real loopback server that follows a script of faults and tells what it saw;
- `answering` has well-behaved model servers, one on each wire, for documentation that runs;
- `through` sends one call through a client, `compare` holds what came out against the walk.
"""
