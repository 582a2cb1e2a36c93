"""Alert rules and dashboard: against promtool, a real scrape, and a real Prometheus."""

import json
import pathlib
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import collector
import pytest
from waiting import until

ROOT = pathlib.Path(__file__).parents[2]
RULES = ROOT / "packaging" / "prometheus" / "arancini.rules.yml"
RULE_TESTS = ROOT / "packaging" / "prometheus" / "arancini.rules.test.yml"
DASHBOARD = ROOT / "packaging" / "grafana" / "arancini.json"
# Peers, Statistics Reports and quirks.
RECORDING = ROOT / "testdata" / "frr-10.3-prepost-locrib-vpn-c0.bmp.zst"
# End-of-RIB, which the recorded router does not send.
END_OF_RIB = ROOT / "testdata" / "cases" / "eor-forms.bmp"
# Statistics Reports that can be compared with the routes.
COMPARED = ROOT / "testdata" / "gobgp-3.10-all-c0.bmp.zst"
# Labels that Prometheus adds, and those of histograms.
LABELS_OF_PROMETHEUS = {"instance", "job", "le"}
NAME = re.compile(r"\barancini_[a-z_]+")


def without(tool: str) -> str | None:
    return None if shutil.which(tool) else f"no {tool} (on Debian: apt-get install prometheus)"


def expressions() -> list[str]:
    """All expressions of rules and dashboard."""
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found = re.findall(r"^ +expr: (?!>-)(.+)$|^ +expr: >-\n +(.+)$", RULES.read_text(), re.MULTILINE)
    return queries + [plain or folded for plain, folded in found]


def labels_in(expression: str) -> set[str]:
    """The labels that an expression names: in selectors, and after by, on and group_left."""
    found = set()
    for selector in re.findall(r"\{([^}]*)\}", expression):
        found |= set(re.findall(r"(\w+)\s*[=!]~?", selector))
    for listed in re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", expression):
        found |= {label.strip() for label in listed.split(",")}
    return found


@pytest.fixture(scope="module")
def running(tmp_path_factory, need):
    need(collector.missing())
    control = collector.free_address()
    listen = collector.free_address()
    process = collector.Collector(
        tmp_path_factory.mktemp("metrics") / "collector", listen, control,
        ARANCINI_METRICS__PER_PEER="true", ARANCINI_ROUTERS__QUIET_PERIOD_MS="0",
        ARANCINI_SNAPSHOTS__INTERVAL_MS="1000",
    )
    process.wait_ready()
    collector.replay(END_OF_RIB, listen)
    collector.replay(COMPARED, listen)
    collector.replay(RECORDING, listen)
    yield process, control
    process.close()


def test_the_rules_are_without_faults_and_each_alert_fires_by_its_cause(need):
    need(without("promtool"))
    for command in (["check", "rules", "--lint-fatal", RULES], ["test", "rules", RULE_TESTS]):
        said = subprocess.run(["promtool", *command], capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    assert set(re.findall(r"name: (\w+) fires", RULE_TESTS.read_text())) == alerts
    page = (ROOT / "docs" / "alerts.md").read_text()
    assert set(re.findall(r"^\| `(Arancini\w+)` \(", page, re.MULTILINE)) == alerts


def test_the_metrics_are_without_faults(running, need):
    need(without("promtool"))
    process, _ = running
    said = subprocess.run(["promtool", "check", "metrics"], input=process.get("/metrics"), capture_output=True, text=True)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_each_metric_and_label_of_rules_and_dashboard_is_in_a_real_scrape(running):
    process, _ = running
    labels: dict[str, set[str]] = {}
    for line in process.get("/metrics").splitlines():
        if match := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            labels.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ""))
    for expression in expressions():
        names = NAME.findall(expression)
        for name in names:
            assert name in labels, f"{name} of: {expression}"
        known = set().union(*(labels[name] for name in names)) | LABELS_OF_PROMETHEUS
        assert labels_in(expression) <= known, expression


class Prometheus:
    """A real Prometheus that scrapes one collector every second."""

    def __init__(self, directory: pathlib.Path, target: str) -> None:
        self._address = collector.free_address()
        (directory / "prometheus.yml").write_text(
            f"rule_files: [{RULES}]\nglobal: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nscrape_configs:\n"
            f"  - job_name: arancini\n    static_configs: [{{ targets: ['{target}'] }}]\n"
        )
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/tsdb",
             f"--web.listen-address={self._address}"],
            stdout=subprocess.DEVNULL, stderr=open(directory / "prometheus.log", "w"),
        )

    def get(self, path: str, **parameters: str) -> dict | None:
        """The data of an answer, or None while Prometheus does not answer."""
        url = f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def has(self, expression: str) -> bool:
        """Whether an expression has a result."""
        data = self.get("query", query=expression)
        return bool(data and data["result"])


def test_every_query_of_the_dashboard_has_data_in_a_real_prometheus(running, tmp_path, need):
    need(without("prometheus"))
    process, control = running
    prometheus = Prometheus(tmp_path, control)
    try:
        until("Prometheus scrapes the collector", lambda: prometheus.has("count_over_time(arancini_ready[30s]) > 2"), 60)
        [target] = prometheus.get("targets")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        dashboard = json.loads(DASHBOARD.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")
                until(f"{panel['title']}: {query}", lambda query=query: prometheus.has(query), 90)
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        assert len(rules) == RULES.read_text().count("- alert:")
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}, [rule.get("lastError") for rule in rules]
    finally:
        prometheus.process.kill()
        prometheus.process.wait()
