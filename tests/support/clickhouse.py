"""A real ClickHouse server in a directory of the test's own (Debian's clickhouse-server)."""

import pathlib
import shutil
import subprocess

from collector import free_address
from waiting import until

CONFIGURATION = """<yandex>
 <logger><level>warning</level><log>{directory}/log</log><errorlog>{directory}/errors</errorlog></logger>
 <listen_host>127.0.0.1</listen_host><tcp_port>{port}</tcp_port>
 <path>{directory}/data/</path><tmp_path>{directory}/tmp/</tmp_path><format_schema_path>{directory}/</format_schema_path>
 <users_config>{directory}/users.xml</users_config><default_profile>default</default_profile>
 <default_database>default</default_database><mark_cache_size>1000000</mark_cache_size>
</yandex>
"""
USERS = """<yandex>
 <profiles><default/></profiles><quotas><default/></quotas>
 <users><default>
  <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
 </default></users>
</yandex>
"""


def missing() -> str | None:
    """Why there is no ClickHouse, or None."""
    if shutil.which("clickhouse-server") and shutil.which("clickhouse-client"):
        return None
    return "no clickhouse-server: apt-get install clickhouse-server clickhouse-client"


class ClickHouse:
    """A server: `query` runs SQL, `insert` feeds it Cap'n Proto messages."""

    def __init__(self, directory: pathlib.Path) -> None:
        (directory / "data").mkdir(parents=True)
        self._directory = directory
        self._port = free_address().rsplit(":", 1)[1]
        (directory / "config.xml").write_text(CONFIGURATION.format(directory=directory, port=self._port))
        (directory / "users.xml").write_text(USERS)
        self._process = subprocess.Popen(
            ["clickhouse-server", f"--config-file={directory}/config.xml"],
            stdout=open(directory / "out", "w"), stderr=subprocess.STDOUT, cwd=directory,
        )
        until("ClickHouse answers", self._ready, 60)

    def close(self) -> None:
        """Stops the server."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def query(self, text: str) -> list[list[str]]:
        """Runs SQL and returns the rows as text."""
        return [line.split("\t") for line in self._client("-q", text).decode().splitlines()]

    def insert(self, table: str, schema: pathlib.Path, messages: pathlib.Path) -> None:
        """`INSERT … FORMAT CapnProto` with a schema's `Update`."""
        # The client looks for the schema in its working directory.
        with open(messages, "rb") as stream:
            self._client(f"--format_schema={schema.stem}:Update", "-q", f"INSERT INTO {table} FORMAT CapnProto", stdin=stream, cwd=schema.parent)

    def _client(self, *arguments: str, **options) -> bytes:
        done = subprocess.run(["clickhouse-client", "--port", self._port, *arguments], capture_output=True, timeout=120, **options)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode()[:1000])
        return done.stdout

    def _ready(self) -> bool:
        try:
            return self.query("SELECT 1") == [["1"]]
        except RuntimeError:
            assert self._process.poll() is None, (self._directory / "out").read_text()[-2000:]
            return False
