"""A hub on a loopback port: repositories and commits, as huggingface_hub asks for them."""

import base64
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hub:
    """What was asked of it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.paths: list[str] = []
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.url = ""

    def answer(self, path: str, body: bytes) -> dict[str, Any]:
        self.paths.append(path)
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return {"url": f"{self.url}/me/first", "id": "me/first", "name": "me/first"}
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            return {"files": [{"path": file["path"], **modes} for file in files]}
        if path == "/api/validate-yaml":  # of a card's metadata
            return {}
        for line in body.splitlines():
            part = json.loads(line)
            if part["key"] == "file":
                self.files[part["value"]["path"]] = base64.b64decode(part["value"]["content"])
        return {"commitUrl": f"{self.url}/me/first/commit/0123", "commitOid": "0123"}


@contextmanager
def serving(key: str) -> Generator[Hub]:
    """Serve until the block ends; whoever has another key is refused."""
    hub = Hub(key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != f"Bearer {hub.key}":
                self._send(401, {"error": "Invalid username or password."})
                return
            self._send(200, hub.answer(self.path.partition("?")[0], body))

        def _send(self, status: int, fields: dict[str, Any]) -> None:
            text = json.dumps(fields).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
