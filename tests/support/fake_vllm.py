"""A stand-in for the `vllm` command: `fake_vllm.py serve WEIGHTS --port N --served-model-name NAME ...`.

The environment says how it fails: FAKE_VLLM is a folder; a file `die-at-start` there ends it with an out-of-memory
message, `never-healthy` keeps /health at 503, `die-after` holds the number of answers before it ends (the file is then
removed, so that the next start lives), `die-always` does so every time. `started` collects the command lines;
`until-started` holds how many of them there must be before a server answers on after another one's death.
"""

import contextlib
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(os.environ["FAKE_VLLM"])
ARGUMENTS = sys.argv[1:]
NAME = ARGUMENTS[ARGUMENTS.index("--served-model-name") + 1]
answered = 0


def wait_for_starts() -> None:
    """Without it a quick replica finishes the work before the one that died is back."""
    wanted = FOLDER / "until-started"
    if not wanted.exists() or (FOLDER / "die-after").exists():
        return
    deadline = time.monotonic() + 60
    while (FOLDER / "started").read_text().count("\n") < int(wanted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def reply(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path == "/health":
            self.reply(503 if (FOLDER / "never-healthy").exists() else 200, {})
        else:
            self.reply(200, {"data": [{"id": NAME, "root": ARGUMENTS[1], "max_model_len": 8192}]})

    def do_POST(self) -> None:
        global answered
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["max_tokens"] == 1:
            self.reply(200, {"choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}]})
            return
        if (FOLDER / "print-prompts").exists():
            print("RuntimeError: engine failed on", asked, flush=True)
        for name in ("die-after", "die-always"):
            with contextlib.suppress(FileNotFoundError):  # another replica took it, and dies instead
                limit = FOLDER / name
                if answered < int(limit.read_text()):
                    continue
                if name == "die-after":
                    limit.unlink()
                words = asked if (FOLDER / "print-prompts").exists() else "died"
                print("RuntimeError: engine", words, flush=True)
                os._exit(1)
        answered += 1
        wait_for_starts()
        if (FOLDER / "latency").exists():
            time.sleep(float((FOLDER / "latency").read_text()))
        self.reply(200, {"choices": [{"message": {"content": "-1"}, "finish_reason": "stop"}]})


with (FOLDER / "started").open("a") as started:
    started.write(json.dumps(ARGUMENTS) + "\n")
print("loading", flush=True)
if (FOLDER / "die-at-start").exists():
    print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 7.5 GiB", flush=True)
    print("shutting down", flush=True)
    raise SystemExit(1)
ThreadingHTTPServer(("127.0.0.1", int(ARGUMENTS[ARGUMENTS.index("--port") + 1])), Handler).serve_forever()
