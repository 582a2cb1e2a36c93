"""Keeps the current tables of all routers, prints how many routes they have and who announces a prefix."""

import asyncio
import sys

from arancini_client import Table, follow


async def main(url: str, prefix: str) -> None:
    table = Table()
    async for batch in follow(url, stop_at_end=True):  # without stop_at_end it waits for more
        table.apply(batch)
    print(f"{len(table)} routes, up to message {table.position} of the stream")
    for route in table.routes(prefix):
        print(route["routerAddr"], route["peerAddr"], route["ribView"], route.get("nextHop"), route.get("asPath"))
    for problem in table.missing():
        print(problem)


asyncio.run(main(*sys.argv[1:]))
