"""What the models of the benchmarks say: pieces of a text as models cut it, with all that makes JSON and Unicode hard.

One piece in twenty has a quote, a backslash, a line end or a letter that is not ASCII, as in answers about code, with
names in them, or in another language than English.
"""

from __future__ import annotations

import json
import re
from typing import Final

__all__ = ["PIECES", "piece", "quoted"]

PROSE: Final = """\
Back-pressure is what a slow reader owes a fast writer: a way to say "not yet". In a reactive stream the demand \
travels upstream, one request for so many items, and the source sends no more of them than were asked for. Without \
it each stage keeps what it cannot hand on, and a pipeline that looked small on paper holds the whole answer in \
memory before the first reader has seen any of it.

There are three honest answers to a source that will not wait. You may buffer, as long as the buffer has a bound \
and somebody has thought about what happens when it is full. You may drop, if the latest value is worth more than the \
ones before it, as it is for a price, a temperature or the position of a mouse. Or you may slow the source down, \
which for a socket means to leave its bytes unread until the kernel's window closes and the sender's own writes \
begin to block.

```python
def take(items, count):
    while count > 0:
        yield next(items)
        count -= 1
```

The generator above pulls, so the question never comes up: nothing is made before it is asked for. An observable \
pushes, and so the question comes up at every step between the network and the screen. Édouard's café in Zürich \
serves a good example: the kitchen calls out orders as they are ready, and the waiters, who can carry four plates \
each, form a queue. When all of them are out, the counter fills; when the counter is full, the cooks stop. Nobody \
in the kitchen reads \\"Reactive Streams\\", and yet the rule is the same: §3.17 would be at home there — 需要 flows \
one way, plates the other. 🍽️

Measure it before you believe it. A queue that grows by one item a second looks flat for an hour, and by the end of \
the day it has become the reason for a page at night. Count what waits, count for how long, and let the two of them \
tell you whether the bound that you chose is a bound or a wish. For most services a few hundred items are plenty: \
they cover the jitter of the network and the pauses of the collector, and they are over within a fraction of a \
second. Forty thousand are not a buffer any more; they are a place where answers go to be forgotten.
"""
PIECES: Final = tuple(re.findall(r" ?\w{1,9}|\w+| ?[^\w\s]{1,3}|\s+", PROSE))
QUOTED: Final = tuple(json.dumps(piece, ensure_ascii=False).encode() for piece in PIECES)


def piece(number: int) -> str:
    """The text of the token with this number; after the last of the prose it begins anew."""
    return PIECES[number % len(PIECES)]


def quoted(number: int) -> bytes:
    """The same as JSON writes it, its quotes included."""
    return QUOTED[number % len(QUOTED)]
