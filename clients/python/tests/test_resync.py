"""`resync` of all routers asks each of them, and tells who refused."""

import http.server
import json
import threading

import pytest
from arancini_client import ResyncError, resync

ROUTES = {"192.0.2.1": 5, "192.0.2.3": 7}
REFUSED = {"192.0.2.2": "a resync is under way", "2001:db8::1": "a resync is under way", "192.0.2.4": "its attributes are not known"}


class ControlPort(http.server.BaseHTTPRequestHandler):
    """A control port some of whose routers can't be resynced."""

    def do_GET(self):  # noqa: N802 (the name that http.server calls)
        self.answer(200, {"routers": [{"routerAddr": router} for router in sorted(ROUTES | REFUSED)]})

    def do_POST(self):  # noqa: N802
        router = self.path.split("/")[4].replace("%3A", ":")
        if router in ROUTES:
            self.answer(202, {"routes": ROUTES[router]})
        else:
            self.answer(409, {"detail": REFUSED[router], "remedy": f"remedy of {REFUSED[router]}"})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def control():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ControlPort)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_router_that_refuses_does_not_keep_the_others_from_their_resync(control):
    with pytest.raises(ResyncError) as raised:
        resync(control)
    error = raised.value
    assert error.accepted == ROUTES
    assert sorted(error.refused) == sorted(REFUSED)
    assert str(error) == (
        "3 of 5 routers are not resynced: 192.0.2.2, 2001:db8::1: a resync is under way; 192.0.2.4: its attributes are not known; "
        "remedy of a resync is under way; remedy of its attributes are not known"
    )


def test_a_resync_of_one_router_says_why_it_is_refused(control):
    assert resync(control, "192.0.2.1") == {"192.0.2.1": 5}
    with pytest.raises(ResyncError, match="^a resync is under way; remedy"):
        resync(control, "2001:db8::1")
    with pytest.raises(ResyncError, match="does not answer"):
        resync("http://127.0.0.1:1")
