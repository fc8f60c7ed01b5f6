"""What an answer is wanted as: a type's schema, how a model is asked for it, and how its words become a value.

`partial_json` reads JSON as it comes; `builders`, `shapes` and `partial_objects` make values of it; `task` knows the
type; `modes` puts it into a request; `following` and `items` read it off a stream; `judging` says what a whole answer
is. No stream and no wire is in here.
"""
