"""GoBGP → FRR → Arancini: every prefix, asked through the API, is what the routers show."""

from dataclasses import replace

from api_reader import ApiReader
from lab import CONTROL
from mrt import routes
from namespaces import inside
from tables import differences
from waiting import until

IPV4, IPV6, OF_B = 1_500, 300, 100


def answers_equal(lab) -> None:
    """Waits until the answers about all prefixes equal what every router shows."""
    last: list[str] = []

    def equal() -> bool:
        shown = lab.shown()
        prefixes = sorted({route.prefix for table in shown.values() for route in table})
        with inside(lab.network.hub):
            api = ApiReader(CONTROL)
            answered, held = api.tables(prefixes), api.routes()
        last[:] = []
        for key in sorted(shown.keys() | answered.keys(), key=str):
            name = f"{key.router} {key.peer or '-'} {key.view} {key.family}"
            last.extend(differences(name, shown.get(key, {}), answered.get(key, {})))
        there = sum(len(table) for table in shown.values())
        if there != held:
            last.append(f"the routers show {there} routes, and the collector counts {held}")
        return not last

    try:
        until("the answers equal the routers' tables", equal, 150, every=1)
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *last])) from None


def test_every_prefix_is_answered_as_the_routers_show_it(retaining_lab):
    lab = retaining_lab
    of_a = list(routes(IPV4, IPV6, lab.a.address, lab.a.address6, seed=5))
    # FRR's policy permits these, and GoBGP B announces them too: FRR holds two paths.
    permitted = [route for route in of_a if ":" not in route.prefix and int(route.prefix.split(".")[0]) < 128]
    of_b = [replace(route, next_hop=lab.b.address, as_path=(64_700, *route.as_path), as_set=()) for route in permitted[:OF_B]]
    lab.inject(lab.a, of_a)
    lab.inject(lab.b, of_b)
    answers_equal(lab)

    # Other paths and attributes, and a session that is reset.
    lab.inject(lab.a, [replace(route, as_path=(64_512, *route.as_path), communities=((64_512, 1),)) for route in of_a[100:400]])
    answers_equal(lab)
    lab.frr.clear(lab.a.address)
    lab.wait_established()
    answers_equal(lab)
