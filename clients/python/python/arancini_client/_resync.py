"""Asks a collector to publish the routes of its routers again."""

import json
import urllib.error
import urllib.parse
import urllib.request


class ResyncError(Exception):
    """The collector does not resync the router. `args` has the cause and the remedy."""

    def __str__(self) -> str:
        return "; ".join(self.args)


def resync(control: str = "http://127.0.0.1:8080", router: str | None = None, *, token: str | None = None) -> dict[str, int]:
    """Asks the collector for a resync of a router, or of all its routers.

    Returns the routers with the number of routes that follow for each. It does not wait for them: they come in the stream,
    between `resync-begin` and `resync-end`. The collector needs `rib.attributes = "retain"`.
    """
    wanted = [router] if router else _routers(control, token)
    return {address: _call(control, f"routers/{address}/resync", token, "POST")["routes"] for address in wanted}


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
