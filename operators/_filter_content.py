"""Tokens without the phrases that must not be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias, cast

from ..streams.errors import ContentBlocked, LimitExceeded
from ..streams.recipe import recorded
from ..streams.text_run import TextRun
from ..streams.tokens import (
    Citation,
    Logprobs,
    Raw,
    ReasoningDelta,
    ResponseStart,
    Seam,
    StreamToken,
    TextDelta,
    Usage,
)
from ..streams.types import Operator
from ._phrases import PhraseSearch
from ._transduce import transduce

__all__ = ["filter_content"]

Action: TypeAlias = Literal["drop", "mask", "stop"]
Written: TypeAlias = TextDelta | ReasoningDelta
MAX_PHRASE: Final = 256
TEXT: Final[tuple[type[Written], ...]] = (TextDelta,)
BOTH: Final[tuple[type[Written], ...]] = (TextDelta, ReasoningDelta)
# None of these ends a text: it may go on behind them.
PASSING: Final = (Raw, Logprobs, Usage, ResponseStart, Seam, Citation)
MAX_CHOICES: Final = 256


@recorded
def filter_content(
    phrases: Iterable[str],
    *,
    action: Action = "drop",
    mask: str = "█",
    case_sensitive: bool = False,
    reasoning: bool = False,
) -> Operator[StreamToken, StreamToken]:
    """Find phrases in the text, however it is cut into deltas, and drop them, mask them, or stop there.

    .. marble::
        ---a--b--c---F|
        [ filter_content(["secret"]) ]
        ---a-----x---F|

        a = TextDelta("the ")   b = TextDelta("sec")   c = TextDelta("ret key")   x = TextDelta(" key")

    Of phrases that begin at one place the longest counts, and what is left is not searched again. What may yet
    become a phrase is held back, and nothing else: the end of the text while it is the beginning of a phrase,
    so at most one character less than the longest phrase. It is let go as soon as the text goes on otherwise or
    ends: before a finish, a tool call, a refusal, a delta of another kind or ``index``, and on completion. A
    stream that fails does not give it. ``Raw`` and ``Logprobs`` pass as they are, even if they quote the text.

    Example:
        >>> import reactivex as rx
        >>> from reactivex import operators as ops
        >>> from tokenrill import TextDelta
        >>> tokens = rx.of(TextDelta("my sec"), TextDelta("ret is out"))
        >>> tokens.pipe(filter_content(["secret"], action="mask"), ops.to_list()).run()
        [TextDelta(text='my ', index=0, choice=0), TextDelta(text='██████ is out', index=0, choice=0)]

    Args:
        phrases: What to look for: one or more, of 1 to 256 characters each.
        action: ``drop`` takes a phrase out, ``mask`` covers it, ``stop`` ends the stream before it.
        mask: The one character that stands for each character of a masked phrase.
        case_sensitive: By default a letter is found in either case, as ``re.IGNORECASE`` has it.
        reasoning: Search the model's reasoning too, each text on its own.

    Returns:
        An operator. With ``action="stop"`` it errors with :class:`~tokenrill.ContentBlocked` at the first phrase,
        after the text before it. Text held in more than 256 choices at once is :class:`~tokenrill.LimitExceeded`.

    Raises:
        ValueError: For no phrases, an empty one, one over 256 characters, or a mask that is not one character.
    """
    if isinstance(phrases, str):
        raise ValueError("filter_content needs a list of phrases: put the one phrase into a list")
    known = tuple(phrases)
    if not known:
        raise ValueError("filter_content needs at least one phrase; without any, leave the operator out")
    for number, phrase in enumerate(known):
        if not 1 <= len(phrase) <= MAX_PHRASE:
            raise ValueError(f"phrases[{number}] has {len(phrase)} characters; give it between 1 and {MAX_PHRASE}")
    if action not in ("drop", "mask", "stop"):
        raise ValueError(f"action must be 'drop', 'mask' or 'stop', not {action!r}")
    if len(mask) != 1:
        raise ValueError(f"mask must be one character, not {len(mask)}: it stands for each character it covers")
    search = PhraseSearch(known, case_sensitive=case_sensitive)
    return transduce(lambda: ContentFilter(search, action, mask, reasoning=reasoning))


NONE_HELD: Final[dict[int, Written]] = {}  # most streams hold nothing, ever: nobody writes to it


class ContentFilter:
    """Filter the text of each choice; between tokens it holds only what may yet become a phrase. A transducer."""

    __slots__ = ("_action", "_held", "_mask", "_search", "_written")

    def __init__(self, search: PhraseSearch, action: Action, mask: str, *, reasoning: bool = False) -> None:
        self._search = search
        self._action: Action = action
        self._mask = mask
        self._written = BOTH if reasoning else TEXT
        self._held = NONE_HELD  # by choice: a delta whose text waits

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        if isinstance(token, self._written):
            return self._write(token)
        if isinstance(token, PASSING):
            return (token,)
        held = self._held.pop(token.choice, None)
        return (token,) if held is None else self._end(held, token)

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken] | None:
        """One search over one text, where that is all that is written, and no phrase is in it."""
        if len(tokens) == 1 and isinstance(token := tokens[0], self._written):
            if not self._held and self._search.is_clean(token.text):
                return tokens
            changes = self._changes((token,))
            if not changes:
                return None if changes is None else tokens
            return (with_text(token, changes[0]),) if changes[0] else ()
        if type(tokens) is TextRun:
            changes = self._changes(tokens)
            return tokens.altered(changes) if changes else None if changes is None else tokens
        kinds = {*map(type, tokens)}
        written = kinds.intersection(self._written)
        if not written:
            return tokens if not self._held or not kinds.difference(PASSING) else None
        if len(written) > 1 or kinds.difference(written, PASSING):
            return None
        places: Sequence[int] = range(len(tokens))
        if len(kinds) > 1:
            places = [place for place in places if type(tokens[place]) in written]
        deltas = cast("Sequence[Written]", tokens if len(kinds) == 1 else [tokens[place] for place in places])
        changes = self._changes(deltas)
        if not changes:
            return None if changes is None else tokens
        altered = list(tokens)
        for number in sorted(changes, reverse=True):
            place = places[number]
            altered[place : place + 1] = [with_text(deltas[number], changes[number])] if changes[number] else ()
        return altered

    def _changes(self, deltas: Sequence[Written]) -> Mapping[int, str] | None:
        """What passes in place of which of these, if they go on with one text: the end that must wait is then held."""
        first = deltas[0]
        index, choice = first.index, first.choice
        held = self._held.get(choice)
        if held is not None and (type(held) is not type(first) or held.index != index):
            return None
        if type(deltas) is TextRun:
            texts = deltas.texts
        else:
            texts = [delta.text for delta in deltas if delta.index == index and delta.choice == choice]
            if len(texts) != len(deltas):
                return None
        found = self._search.passing("" if held is None else held.text, texts)
        if found is None:
            return None
        changes, rest = found
        if rest and held is None and len(self._held) >= MAX_CHOICES:
            return None  # that is an error, after what passes before it
        if held is not None:
            del self._held[choice]
        if rest:
            self._hold(with_text(first, rest))
        return changes

    def close(self) -> Iterator[StreamToken]:
        while self._held:
            yield from self._end(self._held.pop(next(iter(self._held))))

    def _write(self, token: Written) -> Iterator[StreamToken]:
        held = self._held.pop(token.choice, None)
        if held is not None and (type(held) is not type(token) or held.index != token.index):
            yield from self._end(held)
            held = None
        text = token.text if held is None else held.text + token.text
        passed, rest, found = self._filter(text)
        if passed:
            yield with_text(token, passed)
        if found:
            raise blocked()
        if rest:
            self._hold(with_text(token, rest))

    def _hold(self, waiting: Written) -> None:
        if self._held is NONE_HELD:
            self._held = {}
        self._held[waiting.choice] = waiting
        if len(self._held) > MAX_CHOICES:
            raise LimitExceeded("max_choices", MAX_CHOICES)

    def _end(self, held: Written, *behind: StreamToken) -> Iterator[StreamToken]:
        passed, _, found = self._filter(held.text, ended=True)
        if passed:
            yield with_text(held, passed)
        if found:
            raise blocked()
        yield from behind

    def _filter(self, text: str, *, ended: bool = False) -> tuple[str, str, bool]:
        """What may pass, what must wait (nothing, when the text has ended), and whether a phrase stops the stream."""
        search = self._search
        folded = search.fold(text)
        done, passed = 0, list[str]()
        waits = len(text) if ended else search.waits_from(folded, 0)
        while (match := search.pattern.search(folded, done)) is not None and match.start() < waits:
            passed.append(text[done : match.start()])
            if self._action == "stop":
                return "".join(passed), "", True
            done = match.end()
            if self._action == "mask":
                passed.append(self._mask * (done - match.start()))
            if done > waits:
                waits = search.waits_from(folded, done)
        passed.append(text[done:waits])
        return "".join(passed), text[waits:], False


def with_text(token: Written, text: str) -> Written:
    return token if text == token.text else type(token)(text, token.index, token.choice)


def blocked() -> ContentBlocked:
    return ContentBlocked("the answer holds a phrase that filter_content was told to stop at")
