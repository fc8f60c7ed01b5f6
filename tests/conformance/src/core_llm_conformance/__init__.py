"""What every provider plugin of core-llm must pass, and what the tests of the whole project are made with.

The rooms: `corpus` reads real recordings, `walk` says what they hold, `cuts` cuts them, `replay` answers with them
through an HTTP client, `server` is a real loopback server that follows a script of faults.
"""
