"""Providers with limits that nobody is told, and callers with more work than quota, in virtual time.

``python -m tests.simulator`` prints how much of each quota was used and how many requests were refused;
``--picture`` draws the rates against the hidden limits, for docs/resilience.md.
"""
