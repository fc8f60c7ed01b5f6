"""Making cassettes: recorded from a live API, or composed from what an author says of a provider's documentation.

For the command line and for tests:

- ``record(target, scenarios=(), *, source=None, model=None, opaque=(), config=None, today=None, on_made=None)`` →
  ``tuple[Made, ...]``: asks the live API through the real client, with vcrpy; address and key are found in
  the usual places;
- ``compose(target, descriptions)`` → ``tuple[Made, ...]``: writes ``documented`` cassettes; ``read_descriptions(path)``
  reads descriptions from YAML, and in Python they are made of ``Description(scenario, source, date, turns)``,
  ``Turn(stream=sse(…), plain=json_reply(…), expected={…})``, ``ndjson(…)``, ``reply(…)``;
- ``check_composed(target, descriptions)``: the committed cassettes are, byte for byte, what the descriptions say;
- ``check_cassette_is_clean(cassette, target)`` and ``age(cassette)``: for the tests of the suite and its report.

`Made` says of each scenario its ``path``, whether it ``is_promoted``, the ``problems`` that kept it from that, and
``review``: the expectations as text, for the author to look at; as a text it says it all. Both go the same way: the
answers are played to the plugin under its clean configuration, and what it sends then is the request that is written,
so that nothing of the machine or the account comes into a file (`drafting`); answers that were recorded are scrubbed
before (`scrubbing`, `accounts`); the whole is searched for secrets in memory (`clean`, `secrets`, `texts`), written to
a staging folder, played back from there, and only then takes the old file's place in one step (`promoting`).

How a request is matched is in `core_llm_conformance.matching`, how a cassette is played back in
`core_llm_conformance.playing`.
"""

from core_llm_conformance.recording.clean import age, check_cassette_is_clean
from core_llm_conformance.recording.composing import check_composed, compose
from core_llm_conformance.recording.description_files import read_descriptions
from core_llm_conformance.recording.descriptions import Description, Reply, Turn, json_reply, ndjson, reply, sse
from core_llm_conformance.recording.promoting import Made
from core_llm_conformance.recording.recorder import record

__all__ = [
    "Description",
    "Made",
    "Reply",
    "Turn",
    "age",
    "check_cassette_is_clean",
    "check_composed",
    "compose",
    "json_reply",
    "ndjson",
    "read_descriptions",
    "record",
    "reply",
    "sse",
]
