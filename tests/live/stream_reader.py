"""What a consumer of the published stream holds, as the independent judge (testing/judge) says."""

from collections import defaultdict

from judge import judge
from tables import Attributes, RouteKey, Table, TableKey, segments


class StreamReader:
    """One JetStream stream, judged from its first message at each look."""

    def __init__(self, url: str, stream: str = "ARANCINI") -> None:
        self.tables: dict[TableKey, Table] = {}
        # In words, some of the promises that the stream breaks.
        self.faults: list[str] = []
        # What the judge counts: announces, withdraws, synthetic_withdraws, and more.
        self.counts: dict[str, int] = defaultdict(int)
        self._arguments = ("--nats", url, "--stream", stream)

    def catch_up(self) -> dict[TableKey, Table]:
        """The tables that follow from all that the stream holds now."""
        tables: dict[TableKey, Table] = defaultdict(dict)
        faults = []
        for line in judge(*self._arguments):
            if route := line.get("route"):
                table, key = _keys(route)
                tables[table][key] = _attributes(route["attributes"])
            elif finding := line.get("finding"):
                faults.append(finding["text"])
            else:
                self.counts = line["summary"]
        self.tables, self.faults = tables, faults
        return tables


def _keys(route: dict) -> tuple[TableKey, RouteKey]:
    return (
        TableKey(
            router=route["router"],
            peer="" if route["view"] == "loc-rib" else route["peer"],
            view=route["view"],
            family=route["family"],
            distinguisher=route["distinguisher"],
        ),
        RouteKey(route["prefix"], route.get("path_id"), route.get("route_distinguisher")),
    )


def _attributes(said: dict) -> Attributes:
    aggregator = said.get("aggregator")
    return Attributes(
        origin=said["origin"],
        as_path=segments((kind, tuple(asns)) for kind, asns in said["as_path"]),
        next_hop=said.get("next_hop", ""),
        med=said.get("med"),
        communities=frozenset(said["communities"]),
        large_communities=frozenset(said["large_communities"]),
        atomic_aggregate=said["atomic_aggregate"],
        aggregator=tuple(aggregator) if aggregator else None,
    )
