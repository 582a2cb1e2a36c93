"""The routes that all routers hold now, as a polars DataFrame, from what `arancini export` writes.

python current.py updates.parquet stream.json
"""

import sys

import polars as pl

KEY = [
    "routerAddr", "peerAddr", "peerType", "peerDistinguisher", "peerBgpId", "peerAsn", "ribView", "afi", "safi", "prefix", "rawNlri",
    "pathId", "routeDistinguisher",
]
PEER = {"address": pl.String, "type": pl.UInt8, "distinguisher": pl.String, "ribView": pl.String}
EVENT = {
    "type": pl.String, "kind": pl.String, "sequence": pl.String, "routerAddr": pl.String, "family": pl.String, "peer": pl.Struct(PEER),
}


def resyncs(stream: str) -> pl.DataFrame:
    """Each scope with its floor: the last resync-begin that has a resync-end behind it. Routes below it are gone."""
    events = (
        pl.scan_ndjson(stream, schema=EVENT, ignore_errors=True)
        .filter(pl.col("type") == "router", pl.col("kind").is_in(["resync-begin", "resync-end"]))
        .with_columns(pl.col("sequence").cast(pl.UInt64))
        .collect()
    )
    scope = ["routerAddr", "peer", "family"]
    last_end = pl.col("sequence").filter(pl.col("kind") == "resync-end").max().over(scope)
    return (
        events.filter((pl.col("kind") == "resync-begin") & (pl.col("sequence") < last_end))
        .group_by(scope)
        .agg(floor=pl.col("sequence").max())
    )


def current(updates: str, stream: str) -> pl.DataFrame:
    """Of each key the update with the highest sequence, if it is an announce that no resync has removed."""
    last = pl.scan_parquet(updates).sort("sequence").unique(KEY, keep="last").filter("announced").collect()
    for resync in resyncs(stream).iter_rows(named=True):
        gone = (pl.col("routerAddr") == resync["routerAddr"]) & (pl.col("sequence") < resync["floor"])
        if resync["family"]:
            gone &= pl.format("{}/{}", "afi", "safi") == resync["family"]
        peer = resync["peer"]
        if peer and peer["address"]:
            gone &= (pl.col("peerAddr") == peer["address"]) & (pl.col("ribView") == peer["ribView"])
            gone &= (pl.col("peerType") == peer["type"]) & pl.col("peerDistinguisher").eq_missing(pl.lit(peer["distinguisher"]))
        last = last.filter(~gone)
    return last


if __name__ == "__main__":
    routes = current(*sys.argv[1:])
    table = ["routerAddr", "peerAddr", "ribView", "afi", "safi"]
    with pl.Config(tbl_rows=-1):
        print(routes.group_by(table).len("routes").sort(table))
