"""State that several processes share through Redis: one quota, and one view of who is down."""

from .breaker import RedisBreaker
from .limiter import RedisLimiter

__all__ = ["RedisBreaker", "RedisLimiter"]
