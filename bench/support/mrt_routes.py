"""Routes as several readers of MRT see them: the peer, its AS number, prefix, path identifier; AS path, origin and next hop, all as text.

The absent is `-`. A withdraw has no AS path, origin and next hop.
"""

import ipaddress
import json


def of_json(lines):
    """The routes of JSON Lines."""
    for line in lines:
        update = json.loads(line)
        route = (update["peerAddr"], str(update["peerAsn"]), update["prefix"], str(update.get("pathId", "-")))
        if update["announced"]:
            yield (*route, " ".join(map(str, update.get("asPath", ()))), update["origin"], update["nextHop"])
        else:
            yield (*route, "-", "-", "-")


def of_bgpkit(lines):
    """The routes that the example `mrt_routes` prints."""
    for line in lines:
        yield tuple(line.decode().rstrip("\n").split("\t"))


def of_mrtparse(path):
    """The routes of a file by mrtparse."""
    import mrtparse

    peers = []
    for record in mrtparse.Reader(str(path)):
        data = record.data
        if "peer_entries" in data:
            peers = [(peer["peer_ip"], str(peer["peer_as"])) for peer in data["peer_entries"]]
        elif "rib_entries" in data:
            for entry in data["rib_entries"]:
                attributes, _, _ = attributes_of(entry["path_attributes"])
                yield (*peers[entry["peer_index"]], f"{data['prefix']}/{data['length']}", str(entry.get("path_id", "-")), *attributes)
        else:
            peer = (data["peer_ip"], str(data["peer_as"]))
            message = data["bgp_message"]
            attributes, reached, unreached = attributes_of(message["path_attributes"])
            for nlri in message["nlri"] + reached:
                yield (*peer, *prefix_of(nlri), *attributes)
            for nlri in message["withdrawn_routes"] + unreached:
                yield (*peer, *prefix_of(nlri), "-", "-", "-")


def prefix_of(nlri):
    return f"{nlri['prefix']}/{nlri['length']}", str(nlri.get("path_id", "-"))


def attributes_of(attributes):
    """AS path, origin and next hop; and the NLRI of MP_REACH_NLRI and MP_UNREACH_NLRI."""
    by_name = {name_of(attribute["type"]): attribute["value"] for attribute in attributes}
    path = " ".join(str(asn) for segment in by_name.get("AS_PATH", ()) for asn in segment["value"])
    reach, unreach = by_name.get("MP_REACH_NLRI", {}), by_name.get("MP_UNREACH_NLRI", {})
    next_hop = by_name.get("NEXT_HOP") or (reach.get("next_hop") or ["-"])[0]
    if next_hop.startswith("::ffff:"):
        next_hop = str(ipaddress.ip_address(next_hop).ipv4_mapped)
    origin = name_of(by_name["ORIGIN"]) if "ORIGIN" in by_name else "-"
    return (path, origin, next_hop), reach.get("nlri", []), unreach.get("withdrawn_routes", [])


def name_of(value):
    """The name in a dictionary of one number and its name."""
    return next(iter(value.values()))
