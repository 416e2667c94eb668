"""Whole answers of the Responses API, of Azure and of Ollama, for the contracts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Final

__all__ = [
    "AZURE_PAYLOADS",
    "OLLAMA",
    "OLLAMA_LINES",
    "RESPONSES",
    "RESPONSE_EVENTS",
    "endless_calls",
    "endless_items",
    "endless_ollama_calls",
]

RESPONSE_EVENTS: Final = (
    b'{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"m"}}',
    b'{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}',
    b'{"type":"response.reasoning_summary_text.delta","output_index":0,"item_id":"rs_1","delta":"Hm"}',
    b'{"type":"response.reasoning_summary_text.delta","output_index":0,"item_id":"rs_1","delta":"."}',
    b'{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","encrypted_content":"gA=="}}',
    b'{"type":"keepalive","sequence_number":5}',
    b'{"type":"response.output_item.added","output_index":1,"item":{"type":"web_search_call","id":"ws_1"}}',
    b'{"type":"response.output_text.delta","output_index":2,"item_id":"m","delta":"caf\xc3\xa9 \\ud83d\\ude00"}',
    b'{"type":"response.output_text.delta","output_index":2,"item_id":"m","delta":"\xe2\x80\xa8 two","logprobs":[]}',
    b'{"type":"response.output_text.delta","output_index":2,"delta":"x","logprobs":[{"token":"x","logprob":-1}]}',
    b'{"type":"response.refusal.delta","output_index":2,"delta":"No."}',
    b'{"type":"response.output_item.added","output_index":3,"item":{"type":"function_call","call_id":"c","name":"f"}}',
    b'{"type":"response.function_call_arguments.delta","output_index":3,"delta":"{\\"a\\""}',
    b'{"type":"response.function_call_arguments.delta","output_index":3,"delta":":1}"}',
    b'{"type":"response.output_item.done","output_index":3,"item":{"type":"function_call","arguments":"{\\"a\\":1}"}}',
    b'{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":3,"output_tokens":5}}}',
    b'{"type":"response.output_text.delta","output_index":2,"delta":"after the end"}',
)
RESPONSES: Final = b"".join(
    b"event: %s\ndata: %s\n\n" % (json.loads(payload)["type"].encode(), payload) for payload in RESPONSE_EVENTS
)
AZURE_PAYLOADS: Final = (
    b'{"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}',
    b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Hel"},"content_filter_results":{}}]}',
    b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"lo"},"content_filter_results":{"a":1}}]}',
    b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"."},"content_filter_results":{"a":1}}]}',
    b'{"id":"","choices":[{"index":0,"content_filter_results":{"hate":{"filtered":true}},'
    b'"content_filter_offsets":{"check_offset":9,"start_offset":9,"end_offset":12}}]}',
    b'{"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}',
    b"[DONE]",
)
OLLAMA_LINES: Final = (
    b'{"model":"m","created_at":"2026","message":{"role":"assistant","thinking":"Hm."},"done":false}',
    b'{"model":"m","created_at":"2026","message":{"role":"assistant","content":"caf\xc3\xa9"},"done":false}',
    b'{"model":"m","created_at":"2026","message":{"role":"assistant","content":"\xe2\x80\xa8 2"},"done":false}',
    b'{"model":"m","message":{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}',
    b'{"model":"m","message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":5}',
)
OLLAMA: Final = b"\r\n".join(OLLAMA_LINES)


def endless_items() -> Iterable[bytes]:
    return (b'{"type":"response.output_text.delta","output_index":%d,"delta":"x"}' % n for n in count())


def endless_calls() -> Iterable[bytes]:
    item = b'{"type":"function_call","call_id":"c","name":"f"}'
    return (b'{"type":"response.output_item.added","output_index":%d,"item":%s}' % (n, item) for n in count())


def endless_ollama_calls() -> Iterable[bytes]:
    return (b'{"message":{"tool_calls":[{"function":{"name":"f"}}]},"done":false}' for _ in count())
