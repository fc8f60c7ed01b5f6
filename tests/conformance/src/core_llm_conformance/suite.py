"""ProviderSuite: what a plugin's `tests/test_conformance.py` subclasses. Its tests are in `layers`, a module each.

```py
from core_llm_conformance import ProviderSuite

class TestAcme(ProviderSuite):
    provider = "acme"
    model = "acme-1"
```
"""

from __future__ import annotations

from core_llm_conformance.layers.contract import ContractTests
from core_llm_conformance.layers.exchanges import ExchangeTests
from core_llm_conformance.layers.faults import FaultTests
from core_llm_conformance.layers.payload import PayloadTests


class ProviderSuite(ContractTests, ExchangeTests, FaultTests, PayloadTests):
    """Everything that a provider plugin must pass. Subclass it in a test module; override nothing."""
