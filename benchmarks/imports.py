"""What it costs to import tokenrill and to construct every provider, over aiohttp and reactivex alone.

    python -m benchmarks.imports [--rounds N] [--json [FILE]] [--check]

Resident memory and time of fresh processes, one after the other; the figures are medians. In each process an audit
hook sees to it that nothing is connected, looked up, started or written.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Final, TypedDict

from benchmarks.rounds import Result, run

__all__ = ["main"]

OPTIONS: Final = {
    "azure": {"endpoint": "https://example.openai.azure.com"},
    "bedrock": {"region": "eu-west-1"},
    "vertex": {"project": "example", "api_key": None},
    "compatible": {"base_url": "https://example.com/v1"},
}

# Run by `python -c` in a fresh process: what it prints is one line of JSON.
PROBE: Final = """
import gc, json, os, sys, time, resource
import aiohttp, reactivex

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.mkdir", "os.remove",
             "os.rename", "ftplib.", "http.client.", "urllib.", "shutil.", "sqlite3.", "tempfile.")
seen = []
watching = False

def hook(event, arguments):
    if not watching:
        return
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
        seen.append(f"open {arguments[0]} for writing")
    elif event.startswith(FORBIDDEN):
        seen.append(event)

def resident():
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / (1 << 20)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)

sys.addaudithook(hook)
options = json.loads(sys.argv[1])
gc.collect()
before, started, watching = resident(), time.perf_counter(), True
import tokenrill
imported, bare = time.perf_counter(), resident()
made = []
for row in tokenrill.ProviderRegistry():
    given = {"api_key": "example", **options.get(row.name, {})}
    made.append(row.make(**{name: value for name, value in given.items() if value is not None}))
done, watching = time.perf_counter(), False
after = resident()
extras = [name for name in ("botocore", "isal", "google.auth", "rich", "click") if name in sys.modules]
print(json.dumps({"bare": bare - before, "all": after - before, "import_ms": (imported - started) * 1e3,
                  "all_ms": (done - started) * 1e3, "providers": len(made), "seen": seen, "extras": extras}))
"""


class Probed(TypedDict):
    bare: float
    all: float
    import_ms: float
    all_ms: float
    providers: int
    seen: list[str]
    extras: list[str]


def probe(*flags: str) -> Probed:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOOGLE_"))}
    command = [sys.executable, *flags, "-c", PROBE, json.dumps(OPTIONS)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def measure(options: argparse.Namespace) -> Result:
    probe()  # fills the kernel's caches, and writes the bytecode
    rounds = [probe("-B") for _ in range(options.rounds)]

    def median(of: Callable[[Probed], float]) -> float:
        return statistics.median(map(of, rounds))

    io = sorted({event for one in rounds for event in (*one["seen"], *one["extras"])})
    figures = {
        "import_mib": median(lambda one: one["bare"]),
        "import_ms": median(lambda one: one["import_ms"]),
        "providers_mib": median(lambda one: one["all"]),
        "providers_ms": median(lambda one: one["all_ms"]),
    }
    made = rounds[0]["providers"]
    lines = (
        "over aiohttp and reactivex:",
        f"  import tokenrill        {figures['import_mib']:6.2f} MiB {figures['import_ms']:8.1f} ms",
        f"  and {made} providers made   {figures['providers_mib']:6.2f} MiB {figures['providers_ms']:8.1f} ms",
        f"  sockets, processes, files written, extras imported: {', '.join(io) or 'none'}",
    )
    judged = {
        "all providers, MiB": figures["providers_mib"],
        "sockets, processes, files written, extras imported": float(len(io)),
    }
    return Result({"imports": {**figures, "providers": made, "seen": io}}, lines, judged)


def main() -> int:
    return run("imports", __doc__, measure, rounds=7)


if __name__ == "__main__":
    raise SystemExit(main())
