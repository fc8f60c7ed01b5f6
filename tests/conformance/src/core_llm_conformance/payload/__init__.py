"""The checks of the payload layer: what a request says, found out by what changes when the caller asks for more.

- `knobs` has the portable knobs with values to try, and judges what each of them changes;
- `parts` has a conversation of every kind of part, each with a mark that must be found in what is sent;
- `history` has turns that go back to the provider, `choices` the wishes that are no words: a tool, a form of output;
- `extras` is what a caller adds in the provider's own words: options, headers, query;
- `forms` is model, stream and wire, which every request has.
"""
