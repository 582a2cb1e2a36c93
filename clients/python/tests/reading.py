"""What the tests read: a stream to its end, and tables in a form that can be compared."""

import asyncio
import ipaddress

from arancini_client import Batch, Table, follow


def batches(url: str, **options) -> list[Batch]:
    """All batches that a stream has."""

    async def read() -> list[Batch]:
        return [batch async for batch in follow(url, stop_at_end=True, **options)]

    return asyncio.run(read())


def table_of(url: str, table: Table | None = None, **options) -> Table:
    """A table with everything that a stream has behind the position of the table."""
    table = table or Table()
    for batch in batches(url, begin=table.position, **options):
        table.apply(batch)
    return table


def until(url: str, seen, table: Table | None = None, **options) -> Table:
    """Follows a stream into a table, until `seen` is true for a record."""
    table = table or Table()

    async def read() -> None:
        async for batch in follow(url, begin=table.position, **options):
            table.apply(batch)
            if any(seen(record) for record in batch):
                return

    asyncio.run(asyncio.wait_for(read(), 120))
    return table


def routes(table: Table) -> dict[tuple, tuple]:
    """The routes of a table: key and attributes."""
    return {_key(route): _value(route) for route in table.routes()}


def judged(lines: list[dict]) -> dict[tuple, tuple]:
    """The same of the lines that the judge prints."""
    found = {}
    for route in (line["route"] for line in lines if "route" in line):
        prefix = route["prefix"]
        if "/" in prefix:
            address, length = prefix.split("/")
            prefix = f"{_mapped(address)}/{length}"
        attributes = route["attributes"]
        path = [asn for _, asns in attributes["as_path"] for asn in asns]
        key = (
            route["router"], route["peer"], route["view"], route["family"], str(route["distinguisher"] or 0), prefix,
            route.get("path_id"), route.get("route_distinguisher"),
        )
        found[key] = (attributes["origin"] or "", path, attributes.get("next_hop"), attributes.get("med"))
    return found


def _mapped(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    return str(parsed.ipv4_mapped or parsed) if parsed.version == 6 else address


def _key(route: dict) -> tuple:
    prefix = f"{_mapped(route['prefixAddr'])}/{route['prefixLen']}" if "prefix" in route else route["rawNlri"]
    return (
        route["routerAddr"], route["peerAddr"], route["ribView"], f"{route['afi']}/{route['safi']}",
        route.get("peerDistinguisher", "0"), prefix, route.get("pathId"), route.get("routeDistinguisher"),
    )


def _value(route: dict) -> tuple:
    return (route.get("origin", ""), route.get("asPath", []), route.get("nextHop"), route.get("multiExitDisc"))
