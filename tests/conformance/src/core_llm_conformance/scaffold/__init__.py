"""Writing new plugins: ``core-llm new-plugin acme --wire chat-completions`` makes a package that passes as it is.

- `names` makes all names of one and refuses what cannot be a name; `wires` has what each wire brings;
- `plan` says what a plugin is to be and fills the `templates`; `describing` makes its file of descriptions, of what the
  modules in `answers` say;
- `writing` puts it on the disk; `finishing` composes its cassettes and makes its report, in a process of its own, with
  the plugin as if it were installed.
"""

from core_llm_conformance.scaffold.names import NameRefusedError
from core_llm_conformance.scaffold.plan import Plan, PlanRefusedError

__all__ = ["NameRefusedError", "Plan", "PlanRefusedError"]
