"""Servers that answer as vLLM, SGLang, llama-server, Ollama, LM Studio and plain ones do.

Knows: the shapes of their informing answers, a chat completion, plain and streamed.
Does not know: who asks, what is expected.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Route = object
"""JSON to answer with, (status, text), or a function of the request's JSON to either."""

ROLES = ("retrieval", "planning", "coding", "debugging")


@dataclass
class ModelServer:
    """A running server: its address, its routes, what it was asked."""

    url: str
    routes: dict[str, Route]
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def serving(routes: Mapping[str, Route], headers: Mapping[str, str] = {}) -> Iterator[ModelServer]:
    """Serve routes on a free port of this machine; unknown paths are 404."""
    server = ModelServer("", dict(routes))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.bodies.append(body)
            self._answer(body)

        def _answer(self, body: dict[str, Any]) -> None:
            server.asked.append(self.path)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            route = server.routes.get(self.path, (404, "not found"))
            if callable(route):
                route = route(body)
            status, text = route if isinstance(route, tuple) else (200, json.dumps(route))
            is_stream = text.startswith("data:")
            self.send_response(status)
            kind = "text/event-stream" if is_stream else "application/json"
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            with suppress(OSError):  # the client may have seen enough
                self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # a burst of connections is not to be reset

    http = Server(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accept connections and let a function talk into each; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def say_nothing(connection: socket.socket) -> None:
    """Take the request and never answer; ends when the client does."""
    while connection.recv(4096):
        pass


def drip(connection: socket.socket) -> None:
    """Answer one byte at a time, without end."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[")
    for _ in range(200):
        connection.sendall(b" ")
        time.sleep(0.05)


def garble(connection: socket.socket) -> None:
    """Speak another protocol."""
    connection.recv(4096)
    connection.sendall(b"\x00\xff\xfe SSH-2.0-nothing\r\n\r\n")


def cards(*names: str, owner: str, context: int | None = None, parent: str | None = None) -> list:
    """Entries of /v1/models."""
    return [
        {
            "id": name,
            "object": "model",
            "created": 1,
            "owned_by": owner,
            "root": name,
            "parent": parent,
            "max_model_len": context,
        }
        for name in names
    ]


def vllm(*adapters: str, context: int = 2048) -> dict[str, Route]:
    models = cards("base", owner="vllm", context=context)
    models += cards(*adapters, owner="vllm", parent="base")
    return {
        "/v1/models": {"object": "list", "data": models},
        "/version": {"version": "0.32.0"},
    }


def sglang(*adapters: str, context: int = 4096) -> dict[str, Route]:
    models = cards("base", owner="sglang", context=context)
    models += cards(*adapters, owner="sglang", parent="base")
    return {
        "/v1/models": {"object": "list", "data": models},
        "/get_model_info": {"model_path": "/m", "is_generation": True},
    }


def llama(*paths: str, context: int = 8192) -> dict[str, Route]:
    model = {"id": "m.gguf", "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx": 1}}
    rows = [
        {"id": n, "path": path, "scale": 1.0, "task_name": "", "prompt_prefix": ""}
        for n, path in enumerate(paths)
    ]
    return {
        "/v1/models": {"models": [{"name": "m.gguf"}], "object": "list", "data": [model]},
        "/props": {
            "default_generation_settings": {"id": 0, "n_ctx": context, "params": {}},
            "total_slots": 4,
            "build_info": "b7000-abc",
        },
        "/lora-adapters": rows,
        "/api/tags": {"models": [{"name": "m.gguf"}]},
    }


def ollama(*names: str, loaded: Mapping[str, int] = {}) -> dict[str, Route]:
    def show(body: dict[str, Any]) -> Route:
        name = body["model"].removesuffix(":latest")
        is_role = any(role in name for role in ROLES)
        return {
            "modelfile": "FROM /m\nADAPTER /a\n" if is_role else "FROM /m\n",
            "parameters": "temperature 0\nnum_ctx          12288\n" if is_role else "",
            "model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32768},
        }

    return {
        "/v1/models": {"object": "list", "data": cards(*names, owner="library")},
        "/api/version": {"version": "0.40.1"},
        "/api/tags": {"models": [{"name": name, "model": name, "size": 1} for name in names]},
        "/api/ps": {"models": [{"name": n, "context_length": c} for n, c in loaded.items()]},
        "/api/show": show,
    }


def lm_studio() -> dict[str, Route]:
    def row(name: str, kind: str, **more: object) -> dict[str, object]:
        return {"id": name, "type": kind, "max_context_length": 32768, **more}

    rows = [
        row("embedder", "embeddings", state="not-loaded"),
        row("qwen", "llm", state="loaded", loaded_context_length=4096),
        row("other", "vlm", state="not-loaded"),
    ]
    listed = cards("embedder", "qwen", "other", owner="organization_owner")
    return {
        "/v1/models": {"object": "list", "data": listed},
        "/api/v0/models": {"object": "list", "data": rows},
    }


def hosted(*names: str) -> dict[str, Route]:
    return {"/v1/models": {"object": "list", "data": cards(*names, owner="someone")}}


def chat(text: str, body: Mapping[str, Any]) -> Route:
    """A chat completion, streamed where that was asked for; a word is a token."""
    said = sum(len(message["content"].split()) for message in body["messages"])
    usage = {"prompt_tokens": said, "completion_tokens": len(text.split()), "total_tokens": 0}
    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"]}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop"}
    if not body.get("stream"):
        return whole | {"choices": [choice | {"message": message}], "usage": usage}
    whole["object"] = "chat.completion.chunk"
    chunks = [
        whole | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        whole | {"choices": [choice | {"delta": {}}]},
        whole | {"choices": [], "usage": usage},
    ]
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return 200, "".join([*events, "data: [DONE]\n\n"])
