"""The current tables of all routers."""

import ipaddress
import re
from collections.abc import Iterator

from . import _native
from ._problem import Problem

_VIEWS = ("adj-rib-in-pre", "adj-rib-in-post", "adj-rib-out-pre", "adj-rib-out-post", "loc-rib")


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

        Raises `ValueError` for a filter that no route can match, such as a view that does not exist.
        """
        if prefix is not None:
            prefix = _prefix(prefix)
        wanted = {"routerAddr": _address("router", router), "peerAddr": _address("peer", peer), "ribView": view}
        if view is not None and view not in _VIEWS:
            raise ValueError(f"view={view!r} is no view; write one of {', '.join(_VIEWS)}")
        if family is not None and not (isinstance(family, str) and re.fullmatch(r"[0-9]{1,5}/[0-9]{1,3}", family)):
            raise ValueError(f"family={family!r} is no family; write afi/safi in numbers: 1/1 is IPv4 unicast, 2/1 is IPv6 unicast")
        return self._routes(prefix, wanted, family)

    def _routes(self, prefix: str | None, wanted: dict, family: str | None) -> Iterator[dict]:
        for place, table in self.tables():
            if family is not None and family != f"{table['afi']}/{table['safi']}":
                continue
            if all(text is None or text == table.get(name) for name, text in wanted.items()):
                yield from self.routes_of(table["routerAddr"], place, prefix)

    @property
    def whole(self) -> bool:
        """Whether the tables hold every route of every router that they know."""
        return not self._in_doubt()

    def missing(self) -> list[Problem]:
        """What may be missing, with the remedy: one problem for each router that is not whole.

        A router of which no message has come since the gap is not known, so it is not in the list. Neither is one whose session
        is lost and of which the table holds no route: there is nothing to ask for.
        """
        gap = self.gap or "a message about the router could not be read"
        return [_doubt(router, gap) for router in self._in_doubt()]

    def _in_doubt(self) -> list[dict]:
        """The routers whose tables may be wrong."""
        return [router for router in self.routers() if not router["whole"] and (router["routes"] or router["state"] != "lost")]


def _doubt(router: dict, gap: str) -> Problem:
    address = router["routerAddr"]
    if router["state"] == "lost":
        # A collector that no longer knows the router refuses a resync.
        return Problem(
            f"{address} has lost its session, and the table may hold routes of it that are gone: {gap}",
            f"wait for its next session, or, if it is gone for good, table.forget({address!r})",
        )
    return Problem(
        f"{address} may have more or other routes than the table: {gap}",
        f"ask for a resync: `arancini resync {address}`; the table is right after its resync-end",
    )


def _address(name: str, text: str | None) -> str | None:
    """The address as the tables write it."""
    if text is None:
        return None
    try:
        address = ipaddress.ip_address(str(text))
        return str(getattr(address, "ipv4_mapped", None) or address)
    except ValueError as error:
        raise ValueError(f"{name}={text!r} is no address; write it like 192.0.2.1 or 2001:db8::1") from error


def _prefix(text: str) -> str:
    """The prefix as routes have it."""
    remedy = "write it like 192.0.2.0/24 or 2001:db8::/32"
    if "/" not in str(text):
        raise ValueError(f"prefix={text!r} is no prefix, because it has no length; {remedy}")
    try:
        return str(ipaddress.ip_network(str(text)))
    except ValueError as error:
        raise ValueError(f"prefix={text!r} is no prefix: {error}; {remedy}") from error
