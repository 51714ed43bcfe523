"""A server on a port of its own that answers every request with JSON."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class JsonServer:
    """Calls answer_get(path) and answer_post(path, body), which give a status and what becomes JSON."""

    def __init__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._send(*server.answer_get(self.path))

            def do_POST(self):
                self._send(*server.answer_post(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

            def _send(self, status, answer):
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer_get(self, path):
        return 404, {}

    def answer_post(self, path, body):
        return 404, {}

    def close(self):
        self._server.shutdown()
        self._server.server_close()
