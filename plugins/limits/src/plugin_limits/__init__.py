"""Limits of rate: requests and tokens a minute by provider and model, in one process or shared by many.

from core_llm import Client
from plugin_limits import Limit, RateLimits

client = Client(plugins=[RateLimits({"openai:*": Limit(requests=60, tokens=100_000)})])
"""

from plugin_limits._estimate import estimate_tokens
from plugin_limits._limit import Limit
from plugin_limits._rate_limits import RateLimits

__all__ = ["Limit", "RateLimits", "estimate_tokens"]
