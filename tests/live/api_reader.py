"""What a running collector answers about prefixes, asked through its API one by one."""

import http.client
import json
import urllib.parse
from collections import defaultdict
from collections.abc import Iterable

from tables import Attributes, RouteKey, Table, TableKey, segments


class ApiReader:
    """A client of the API, over one connection."""

    def __init__(self, control: str) -> None:
        self._connection = http.client.HTTPConnection(control, timeout=30)

    def ask(self, resource: str) -> dict:
        """The answer about a resource. It has to be complete: one page, and nothing left out."""
        self._connection.request("GET", f"/api/v1/{resource}")
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, f"{resource}: {answer}"
        for member in ("next", "incomplete", "attributesAbsent"):
            assert member not in answer, f"{resource}: {answer[member]}"
        return answer

    def tables(self, prefixes: Iterable[str]) -> dict[TableKey, Table]:
        """The tables with these prefixes, each asked for with an exact match."""
        tables: dict[TableKey, Table] = defaultdict(dict)
        for prefix in prefixes:
            quoted = urllib.parse.quote(prefix, safe="")
            for route in self.ask(f"prefixes/{quoted}?match=exact&limit=1000")["routes"]:
                assert route["prefix"] == prefix, f"asked for {prefix}: {route}"
                key = RouteKey(prefix, route.get("pathId"))
                table = tables[_table(route)]
                assert key not in table, f"answered twice: {route}"
                table[key] = _attributes(route)
        return tables

    def routes(self) -> int:
        """How many routes the collector holds."""
        return sum(count["routes"] for count in self.ask("counts")["counts"])


def _table(route: dict) -> TableKey:
    peer = "" if route["ribView"] == "loc-rib" else route["peerAddr"]
    # The routes of the router itself have no peer.
    peer = "0.0.0.0" if peer == "::" else peer
    return TableKey(route["routerAddr"], peer, route["ribView"], f"{route['afi']}/{route['safi']}")


def _attributes(route: dict) -> Attributes:
    kinds = {"as-set": "set", "as-sequence": "sequence"}
    parts = [(kinds[part["kind"]], tuple(part["asns"])) for part in route.get("asPathSegments", [])]
    aggregator = route.get("aggregatorAsn")
    return Attributes(
        origin=route["origin"].upper(),
        as_path=segments(parts or [("sequence", tuple(route.get("asPath", [])))]),
        next_hop=route.get("nextHop", ""),
        med=route.get("multiExitDisc"),
        communities=frozenset(route.get("communities", [])),
        large_communities=frozenset(route.get("largeCommunities", [])),
        atomic_aggregate=route.get("atomicAggregate", False),
        aggregator=(aggregator, route["aggregatorBgpId"]) if aggregator else None,
    )
