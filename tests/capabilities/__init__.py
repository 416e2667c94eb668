"""What each provider takes and tells, found out by asking its code: ``python -m tests.capabilities --write``."""
