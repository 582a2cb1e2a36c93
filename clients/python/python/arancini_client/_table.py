"""The current tables of all routers."""

from collections.abc import Iterator

from . import _native
from ._problem import Problem


class Table(_native.Table):
    """The routes that every router holds now, kept from the batches of a stream.

    With `attributes=False` it holds of each route only the attribute fingerprint: some 125 bytes a route in place of 450.
    """

    def routes(
        self,
        prefix: str | None = None,
        *,
        router: str | None = None,
        peer: str | None = None,
        view: str | None = None,
        family: str | None = None,
    ) -> Iterator[dict]:
        """Iterates over the routes. Each filter is a text as in the routes: `view="loc-rib"`, `family="1/1"`.

        A route is the announce that made it, so it has the members of an update. Do not apply a batch meanwhile.
        """
        wanted = {"routerAddr": router, "peerAddr": peer, "ribView": view}
        for place, table in self.tables():
            if family is not None and family != f"{table['afi']}/{table['safi']}":
                continue
            if all(text is None or text == table.get(name) for name, text in wanted.items()):
                yield from self.routes_of(table["routerAddr"], place, prefix)

    @property
    def whole(self) -> bool:
        """Whether the tables hold every route of every router that they know."""
        return all(router["whole"] for router in self.routers())

    def missing(self) -> list[Problem]:
        """What may be missing, with the remedy: one problem for each router that is not whole.

        A router of which no message has come since the gap is not known, so it is not in the list.
        """
        gap = self.gap or "a message about the router could not be read"
        return [
            Problem(
                f"{router['routerAddr']} may have more or other routes than the table: {gap}",
                f"ask for a resync: `arancini resync {router['routerAddr']}`; the table is right after its resync-end",
            )
            for router in self.routers()
            if not router["whole"]
        ]
