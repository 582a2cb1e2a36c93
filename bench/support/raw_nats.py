"""A nats-server with JetStream, and a small client that is fast enough to load it: nats-py would be what is measured."""

import collections
import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

import processes

# Messages that wait for their acknowledgement.
WINDOW = 4000
# Subscriptions of a connection: answers and acknowledgements, and the messages of a stream.
ANSWER, STREAM = b"1", b"2"


class Server:
    """A nats-server on a free port, with file storage in `directory`."""

    def __init__(self, binary, directory):
        self._binary, self.directory, self.port = binary, pathlib.Path(directory), processes.free_port()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        configuration = self.directory / "nats.conf"
        configuration.write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.directory}/store", max_file_store: 20GB }}\n'
            "max_payload: 8MB\nmax_pending: 2GB\nwrite_deadline: 60s\n"
        )
        with open(self.directory / "nats.log", "a") as log:
            self.process = subprocess.Popen([self._binary, "-c", configuration], stdout=log, stderr=log)

    def restart(self, stream):
        """Stops the server and starts it again. The seconds until the stream answers."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        begin = time.monotonic()
        self.start()
        Nats(self.port).information(stream)
        return time.monotonic() - begin

    def resident_bytes(self):
        return processes.resident_bytes(self.process.pid)

    def cpu_seconds(self):
        return processes.cpu_seconds(self.process.pid)


class Nats:
    """A connection."""

    def __init__(self, port):
        begin = time.monotonic()
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=600)
                break
            except OSError:
                if time.monotonic() - begin > 600:
                    sys.exit("nats-server does not listen")
                time.sleep(0.01)
        self._kept = {ANSWER: collections.deque(), STREAM: collections.deque()}
        self._file = self._socket.makefile("rb", buffering=4 << 20)
        self._socket.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.answer 1\r\nSUB _INBOX.stream 2\r\n')

    def message(self, subscription):
        """The payload of the next message of a subscription. Those of the other one are kept."""
        kept = self._kept[subscription]
        while not kept:
            line = self._file.readline()
            if line.startswith((b"MSG ", b"HMSG ")):
                words = line.split()
                body = self._file.read(int(words[-1]) + 2)
                self._kept[words[2]].append(body[int(words[-2]) if line.startswith(b"HMSG ") else 0 : -2])
            if line.startswith(b"PING"):
                self._socket.sendall(b"PONG\r\n")
            elif not line or line.startswith(b"-ERR"):
                sys.exit(f"nats-server closed the connection: {line.decode()}")
        return kept.popleft()

    def request(self, subject, body):
        """Asks the JetStream API."""
        text = json.dumps(body).encode() if body else b""
        self._socket.sendall(b"PUB $JS.API.%s _INBOX.answer %d\r\n%s\r\n" % (subject.encode(), len(text), text))
        answer = json.loads(self.message(ANSWER))
        if "error" in answer:
            raise LookupError(f"{subject}: {answer['error']}")
        return answer

    def information(self, stream):
        """The state of a stream, as soon as JetStream answers."""
        begin = time.monotonic()
        while True:
            try:
                return self.request(f"STREAM.INFO.{stream}", None)["state"]
            except (LookupError, ValueError):  # no responder: the message is empty
                if time.monotonic() - begin > 600:
                    raise
                time.sleep(0.01)

    def publish(self, messages):
        """Publishes pairs of a subject and a payload. `WINDOW` messages wait for their acknowledgement at most."""
        waiting, out = 0, []
        for subject, payload in messages:
            out.append(b"PUB %s _INBOX.answer %d\r\n%s\r\n" % (subject, len(payload), payload))
            if len(out) == WINDOW // 4:
                self._socket.sendall(b"".join(out))
                waiting, out = waiting + len(out), []
            while waiting > WINDOW * 3 // 4:
                self._acknowledgement()
                waiting -= 1
        self._socket.sendall(b"".join(out))
        for _ in range(waiting + len(out)):
            self._acknowledgement()

    def _acknowledgement(self):
        if b'"error"' in (answer := self.message(ANSWER)):
            sys.exit(f"nats-server refused a message: {answer.decode()}")

    def read(self, stream, first=1):
        """The payloads of a stream from this sequence to its present end."""
        policy = {"deliver_policy": "by_start_sequence", "opt_start_seq": first}
        config = {"deliver_subject": "_INBOX.stream", "ack_policy": "none", **policy}
        made = self.request(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})
        for _ in range(made["num_pending"]):
            yield self.message(STREAM)
