"""A server of many slow streams: an event each so many microseconds, on each, stamped with the time it was sent.

The path says what is wanted: ``/STREAMS/TOKENS/PACE_US/v1/chat/completions``. The streams of a run are spread evenly
over the pace. The text of an event is the time when it was handed to the kernel: on the same machine the reader has
the same clock. There is no event loop here, only ``epoll``, ``send`` and a heap of what is due: a server that is late
itself would slow the clients down. How late it was it tells: a line of JSON for each line on its standard input.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from heapq import heappop, heappush, heapreplace
from typing import Final

from benchmarks.files import allow_open_files
from benchmarks.prose import quoted
from benchmarks.server import HEAD, chunk, end, event, pin
from benchmarks.stamp import stamp

__all__ = ["PacedServer", "serving"]

NOTHING: Final = stamp(0)
BEFORE, AFTER = chunk(event(0).replace(quoted(0), b'"%b"' % NOTHING)).split(NOTHING)
FARTHEST: Final = 5_000_000  # sleep no longer, in nanoseconds, lest a request waits
LATE: Final = 1_000_000
ANSWERED: Final = 64  # events between two looks at who has written to us


class Stream:
    """One connection, and the answer that is on its way there."""

    __slots__ = ("asked", "left", "pace", "socket", "tokens", "unsent")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.asked = b""
        self.unsent = b""
        self.left = self.tokens = self.pace = 0

    def send(self, data: bytes) -> None:
        """Send, and keep what the kernel does not take: then it comes before what follows."""
        if self.unsent:
            data, self.unsent = self.unsent + data, b""
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent != len(data):
            self.unsent = data[sent:]


class Server:
    """All streams, and when what is due."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.poll.register(sys.stdin, select.EPOLLIN)
        self.streams: dict[int, Stream] = {}
        self.due: list[tuple[int, int, Stream]] = []
        self.begun = 0
        self.sent = self.late = self.latest = 0

    def serve(self) -> None:
        """Until standard input ends."""
        due, clock = self.due, time.monotonic_ns
        print(self.listener.getsockname()[1], flush=True)
        while True:
            now = clock()
            for _ in range(ANSWERED):
                if not due or due[0][0] > now:
                    break
                self.send_next(*due[0])
                now = clock()
            wait = 0.0 if due and due[0][0] <= now else 0.1
            if due and wait:
                # epoll sleeps whole milliseconds, and twenty events together are not twenty events in a row.
                time.sleep(min(due[0][0] - now, FARTHEST) / 1e9)
                wait = 0.0
            for number, _ in self.poll.poll(wait):
                if number == self.listener.fileno():
                    self.accept()
                elif number == sys.stdin.fileno():
                    if not sys.stdin.readline():
                        return
                    self.report()
                else:
                    self.read(number)

    def send_next(self, when: int, number: int, stream: Stream) -> None:
        if stream.left <= 0 and not stream.unsent:
            heappop(self.due)
            return
        try:
            if stream.left > 0:
                now = time.monotonic_ns()
                stream.send(b"%b%b%b" % (BEFORE, stamp(now), AFTER))
                self.sent += 1
                if now - when > LATE:
                    self.late += 1
                    self.latest = max(self.latest, now - when)
                stream.left -= 1
                if stream.left == 0:
                    stream.send(chunk(end(stream.tokens)) + b"0\r\n\r\n")
            else:
                stream.send(b"")
        except OSError:
            stream.left, stream.unsent = 0, b""
        if stream.left > 0 or stream.unsent:
            heapreplace(self.due, (when + stream.pace, number, stream))
        else:
            heappop(self.due)

    def report(self) -> None:
        print(json.dumps({"sent": self.sent, "late": self.late, "latest_ms": self.latest / 1e6}), flush=True)
        self.sent = self.late = self.latest = 0

    def accept(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.streams[connection.fileno()] = Stream(connection)
                self.poll.register(connection, select.EPOLLIN)
        except BlockingIOError:
            pass

    def read(self, number: int) -> None:
        stream = self.streams[number]
        try:
            data = stream.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.poll.unregister(number)
            del self.streams[number]
            stream.left, stream.unsent = 0, b""
            stream.socket.close()
            return
        stream.asked += data
        head, found, body = stream.asked.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) >= length:
            stream.asked = body[length:]
            self.begin(stream, head.split(b" ", 2)[1].decode())

    def begin(self, stream: Stream, path: str) -> None:
        streams, stream.tokens, pace = (int(part) for part in path.split("/")[1:4])
        stream.left, stream.pace = stream.tokens, pace * 1000
        stream.send(HEAD)
        self.begun += 1
        # Its place within the pace, whenever it came: evenly spread, whatever order the clients connect in.
        now, place = time.monotonic_ns(), stream.pace * (self.begun % streams) // streams
        heappush(self.due, (now + (place - now) % stream.pace, self.begun, stream))


class PacedServer:
    """The server in a process of its own: its address, and how late it was since it was last asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = f"http://127.0.0.1:{self._answer().strip()}"

    def lateness(self) -> dict[str, float]:
        """``sent`` events, how many of them more than a millisecond ``late``, and ``latest_ms``, the latest."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def serving() -> Generator[PacedServer]:
    """Start it; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.paced_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield PacedServer(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=10)


if __name__ == "__main__":
    pin(1)
    allow_open_files(12_000)
    Server().serve()
