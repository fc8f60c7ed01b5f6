"""A ledger of what calls used and cost, by provider, model and tag, and budgets that stop them.

from core_llm import Client
from plugin_usage import Budget, Ledger

budget = Budget(usd=1)
ledger = Ledger(budgets=[budget])
client = Client(plugins=[ledger])
"""

from plugin_usage._budget import Budget
from plugin_usage._ledger import Entry, Ledger, Totals
from plugin_usage._prices import Price, Prices

__all__ = ["Budget", "Entry", "Ledger", "Price", "Prices", "Totals"]
