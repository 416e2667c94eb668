"""How many files and sockets a process may have open."""

from __future__ import annotations

import resource

__all__ = ["allow_open_files"]


def allow_open_files(count: int) -> None:
    """Raise this process's limit to at least ``count``; end with a message when that is not allowed.

    Raises:
        SystemExit: When the system's own limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise SystemExit(
                f"this benchmark needs {count:,} open files, and the system allows {hard:,}: raise the hard limit "
                "(ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of docker), or give fewer --streams"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
