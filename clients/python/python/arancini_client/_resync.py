"""Asks a collector to publish the routes of its routers again."""

import json
import urllib.error
import urllib.parse
import urllib.request


class ResyncError(Exception):
    """The collector does not resync a router. `args` has the cause and the remedy.

    If several routers were asked for, `accepted` has the answers of those that are resynced, and `refused` the errors of the
    others, both by address.
    """

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause, remedy)
        self.accepted: dict[str, int] = {}
        self.refused: dict[str, ResyncError] = {}

    def __str__(self) -> str:
        return "; ".join(self.args)


def resync(control: str = "http://127.0.0.1:8080", router: str | None = None, *, token: str | None = None) -> dict[str, int]:
    """Asks the collector for a resync of a router, or of all its routers.

    Returns the routers with the number of routes that follow for each. It does not wait for them: they come in the stream,
    between `resync-begin` and `resync-end`. The collector needs `rib.attributes = "retain"`. If the collector refuses some of all
    routers, the others are resynced all the same, and `ResyncError` says which are which.
    """
    if router is not None:
        return {router: _resync_of(control, router, token)}
    accepted, refused = {}, {}
    for address in _routers(control, token):
        try:
            accepted[address] = _resync_of(control, address, token)
        except ResyncError as error:
            if not isinstance(error.__cause__, urllib.error.HTTPError):
                # The control port itself is gone, so the others need not be asked.
                error.accepted, error.refused = accepted, refused
                raise
            refused[address] = error
    if refused:
        raise _some_refused(accepted, refused)
    return accepted


def _resync_of(control: str, router: str, token: str | None) -> int:
    return _call(control, f"routers/{urllib.parse.quote(router, safe='')}/resync", token, "POST")["routes"]


def _some_refused(accepted: dict[str, int], refused: dict[str, ResyncError]) -> ResyncError:
    """One error for all refusals; the same reason is told once."""
    by_reason: dict[tuple, list[str]] = {}
    for address, error in refused.items():
        by_reason.setdefault(error.args, []).append(address)
    causes = [f"{', '.join(addresses)}: {cause}" for (cause, _), addresses in by_reason.items()]
    remedies = dict.fromkeys(remedy for _, remedy in by_reason)
    count = f"{len(refused)} of {len(accepted) + len(refused)} routers are not resynced"
    error = ResyncError(f"{count}: {'; '.join(causes)}", "; ".join(remedies))
    error.accepted, error.refused = accepted, refused
    return error


def _routers(control: str, token: str | None) -> list[str]:
    found, cursor = [], ""
    while True:
        page = _call(control, f"routers?limit=1000{cursor}", token, "GET")
        found += [router["routerAddr"] for router in page["routers"]]
        if not page.get("next"):
            return found
        cursor = "&cursor=" + urllib.parse.quote(page["next"])


def _call(control: str, resource: str, token: str | None, method: str) -> dict:
    request = urllib.request.Request(f"{control.rstrip('/')}/api/v1/{resource}", method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise ResyncError(*_explain(error)) from error
    except OSError as error:
        cause = f"the control port {control} does not answer: {error}"
        raise ResyncError(cause, "check control.address of the collector") from error


def _explain(error: urllib.error.HTTPError) -> tuple[str, str]:
    try:
        problem = json.load(error)
        return problem["detail"], problem["remedy"]
    except (ValueError, KeyError, TypeError):
        return f"the control port answers {error.code}", "check that the URL is the control port of a collector"
