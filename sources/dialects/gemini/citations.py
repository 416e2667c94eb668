"""What a candidate says beside its text: where it comes from, and how likely it was."""

from __future__ import annotations

from collections.abc import Iterator

from ....streams.codec import Json
from ....streams.tokens import Citation, Logprobs, TokenLogprob
from ...shape import object_of, objects_of, real_of, text_of

__all__ = ["parse_citations", "parse_logprobs"]


def parse_citations(candidate: Json, choice: int) -> Iterator[Citation]:
    """Sources that the text is taken from (``citationMetadata``), and that it was looked up in (``groundingChunks``).

    What part of the text a looked-up source supports is in ``groundingMetadata``, which comes as :class:`.Raw`.
    """
    cited = object_of(candidate.get("citationMetadata"))
    for source in objects_of(cited.get("citationSources")) + objects_of(cited.get("citations")):
        yield Citation(
            text_of(source.get("uri")) or None, text_of(source.get("title")) or None, choice=choice, raw=source
        )
    for chunk in objects_of(object_of(candidate.get("groundingMetadata")).get("groundingChunks")):
        # One of web, retrievedContext, maps, image.
        places = [object_of(value) for value in chunk.values() if isinstance(value, dict)]
        place = places[0] if places else {}
        yield Citation(
            text_of(place.get("uri")) or None,
            text_of(place.get("title")) or None,
            text_of(place.get("text")) or None,
            choice=choice,
            raw=chunk,
        )


def parse_logprobs(result: Json, choice: int) -> Logprobs | None:
    """https://ai.google.dev/api/generate-content#LogprobsResult"""
    chosen, tops = objects_of(result.get("chosenCandidates")), objects_of(result.get("topCandidates"))
    content = tuple(
        TokenLogprob(
            text_of(token.get("token")),
            real_of(token.get("logProbability")),
            tuple(
                (text_of(top.get("token")), real_of(top.get("logProbability")))
                for top in objects_of(tops[number].get("candidates") if number < len(tops) else None)
            ),
        )
        for number, token in enumerate(chosen)
    )
    return Logprobs(content, choice) if content else None
