"""boto3, asking a server of the test that answers with given bytes."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]

__all__ = ["ACCESS_KEY", "SECRET_KEY", "answering", "client", "converse", "invoke", "whole"]

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
Seen = list[tuple[str, dict[str, str], bytes]]


class answering:
    """A server that answers every POST with these bytes; ``seen`` holds what came: target, headers, body."""

    def __init__(self, answer: bytes) -> None:
        self.seen: Seen = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("content-type", "application/vnd.amazon.eventstream")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> answering:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


def client(url: str) -> Any:
    """boto3's client for Bedrock's runtime, pointed here."""
    vendor: Any = boto3
    return vendor.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def converse(answer: bytes) -> list[dict[str, Any]]:
    """The events that boto3 makes of an answer to ConverseStream."""
    with answering(answer) as server:
        asked = client(server.url)
        turns = [{"role": "user", "content": [{"text": "Hi"}]}]
        return whole(asked, asked.converse_stream(modelId="some.model-v1:0", messages=turns)["stream"])


def invoke(answer: bytes) -> list[dict[str, Any]]:
    """The events that boto3 makes of an answer to InvokeModelWithResponseStream."""
    with answering(answer) as server:
        asked = client(server.url)
        return whole(asked, asked.invoke_model_with_response_stream(modelId="some.model-v1:0", body=b"{}")["body"])


def whole(asked: Any, stream: Any) -> list[dict[str, Any]]:
    """All events of a stream; then its connections are closed."""
    try:
        return list(stream)
    finally:
        stream.close()
        asked.close()
