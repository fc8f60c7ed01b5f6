"""Making cassettes: recorded from a live API, or composed from what an author says of a provider's documentation.

For the command line and for tests:

- ``record(target, scenarios=(), *, source=None, model=None, config=None, today=None)`` → ``tuple[Made, ...]``: asks the
  live API through the real client, with vcrpy; address and key come from the usual places;
- ``compose(target, descriptions)`` → ``tuple[Made, ...]``: writes ``documented`` cassettes; ``read_descriptions(path)``
  reads them from YAML, and `descriptions` has what they are made of in Python: ``Description(scenario, source, model,
  date, turns)``, ``Turn(stream=sse(…), plain=json_reply(…), expected={…})``, ``ndjson(…)``, ``reply(…)``;
- ``check_composed(target, descriptions)``: the committed cassettes are, byte for byte, what the descriptions say;
- ``check_cassette_is_clean(cassette, target=None)`` and ``age(cassette, today)``: for the tests of the suite.

`Made` says of each scenario its ``path``, whether it ``is_promoted``, the ``problems`` that kept it from that, and
``review``: the expectations as text, for the author to look at. Both go the same way: the answers are played to the
plugin under its clean configuration, and what it sends then is the request that is written, so that nothing of the
machine or the account comes into a file; the answers are scrubbed by allow-list, the whole is searched for secrets in
memory, written to a staging folder, played back from there, and only then takes the old file's place in one step.

How a request is matched is in `core_llm_conformance.matching`: ``owned_by(target, scenario, responses)`` says which
values are the scenario's, ``check_request(interaction, sent, owned)`` compares. Playing a cassette back is in
`core_llm_conformance.playing`: ``Playback(interactions)`` for our own transport (in order, read-only, unused
interactions fail: ``playback.check()``), ``played_by_vcrpy(cassette, library)`` for stock vcrpy.
"""
