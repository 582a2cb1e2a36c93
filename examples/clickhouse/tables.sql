-- What `arancini tail --all --json` and `arancini export` write, goes into `incoming`; it is kept in three tables:
--   updates         every update, for questions about the past
--   rib             the last update of each route; the view `current` has the routes that are announced now
--   router_events   sessions and resyncs of the routers; sweep.sql removes from `rib` what a resync has not announced again

CREATE TABLE incoming
(
    type                 LowCardinality(String),
    timeReceivedNs       UInt64,
    sequence             UInt64,
    routerAddr           LowCardinality(String),
    -- updates
    announced            Bool,
    synthetic            Bool,
    withdrawReason       LowCardinality(String),
    peerAddr             LowCardinality(String),
    peerBgpId            LowCardinality(String),
    peerAsn              UInt32,
    peerType             UInt8,
    peerDistinguisher    LowCardinality(String),
    ribView              LowCardinality(String),
    tableName            LowCardinality(String),
    afi                  UInt16,
    safi                 UInt8,
    prefix               String,
    prefixAddr           String,
    prefixLen            UInt8,
    rawNlri              String,
    pathId               Int64 DEFAULT -1,
    routeDistinguisher   LowCardinality(String),
    attributeFingerprint String,
    origin               LowCardinality(String),
    asPath               Array(UInt32),
    nextHop              LowCardinality(String),
    multiExitDisc        Nullable(UInt32),
    localPreference      Nullable(UInt32),
    communities          Array(String),
    extendedCommunities  Array(String),
    largeCommunities     Array(String),
    -- events of routers
    kind                 LowCardinality(String),
    peer                 Tuple(address String, asn UInt32, bgpId String, type UInt8, distinguisher String, ribView String),
    family               LowCardinality(String),
    reason               String
)
ENGINE = Null;

-- Reading something twice, as after a restart, leaves one row: sequences are unique within a router.
CREATE TABLE updates
(
    timeReceivedNs       UInt64,
    sequence             UInt64,
    routerAddr           LowCardinality(String),
    peerAddr             LowCardinality(String),
    peerBgpId            LowCardinality(String),
    peerAsn              UInt32,
    peerType             UInt8,
    peerDistinguisher    LowCardinality(String),
    ribView              LowCardinality(String),
    tableName            LowCardinality(String),
    afi                  UInt16,
    safi                 UInt8,
    prefix               String,
    network              IPv6,
    prefixLen            UInt8,
    rawNlri              String,
    pathId               Int64,
    routeDistinguisher   LowCardinality(String),
    announced            Bool,
    synthetic            Bool,
    withdrawReason       LowCardinality(String),
    attributeFingerprint String,
    origin               LowCardinality(String),
    originAs             UInt32,
    asPath               Array(UInt32),
    nextHop              LowCardinality(String),
    multiExitDisc        Nullable(UInt32),
    localPreference      Nullable(UInt32),
    communities          Array(String),
    extendedCommunities  Array(String),
    largeCommunities     Array(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (timeReceivedNs, routerAddr, sequence);

-- The whole key of a route is the order, and the highest sequence of a key stays.
CREATE TABLE rib
(
    afi                  UInt16,
    safi                 UInt8,
    network              IPv6,
    prefixLen            UInt8,
    rawNlri              String,
    routeDistinguisher   LowCardinality(String),
    pathId               Int64,
    routerAddr           LowCardinality(String),
    ribView              LowCardinality(String),
    peerAddr             LowCardinality(String),
    peerDistinguisher    LowCardinality(String),
    peerType             UInt8,
    peerBgpId            LowCardinality(String),
    peerAsn              UInt32,
    sequence             UInt64,
    announced            Bool,
    timeReceivedNs       UInt64,
    prefix               String,
    attributeFingerprint String,
    origin               LowCardinality(String),
    originAs             UInt32,
    asPath               Array(UInt32),
    nextHop              LowCardinality(String),
    multiExitDisc        Nullable(UInt32),
    communities          Array(String),
    largeCommunities     Array(String)
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY
(
    afi, safi, network, prefixLen, rawNlri, routeDistinguisher, pathId, routerAddr, ribView, peerAddr, peerDistinguisher, peerType,
    peerBgpId, peerAsn
);

CREATE TABLE router_events
(
    timeReceivedNs    UInt64,
    sequence          UInt64,
    routerAddr        LowCardinality(String),
    kind              LowCardinality(String),
    peerAddr          String,
    peerType          UInt8,
    peerDistinguisher String,
    ribView           String,
    family            LowCardinality(String),
    reason            String
)
ENGINE = ReplacingMergeTree
ORDER BY (routerAddr, sequence);

CREATE MATERIALIZED VIEW incoming_updates TO updates AS
SELECT * EXCEPT (type, prefixAddr, kind, peer, family, reason), toIPv6OrDefault(prefixAddr) AS network, asPath[-1] AS originAs
FROM incoming
WHERE type = 'update';

CREATE MATERIALIZED VIEW incoming_rib TO rib AS
SELECT
    afi, safi, toIPv6OrDefault(prefixAddr) AS network, prefixLen, rawNlri, routeDistinguisher, pathId, routerAddr, ribView, peerAddr,
    peerDistinguisher, peerType, peerBgpId, peerAsn, sequence, announced, timeReceivedNs, prefix, attributeFingerprint, origin,
    asPath[-1] AS originAs, asPath, nextHop, multiExitDisc, communities, largeCommunities
FROM incoming
WHERE type = 'update';

CREATE MATERIALIZED VIEW incoming_router_events TO router_events AS
SELECT
    timeReceivedNs, sequence, routerAddr, kind, family, reason,
    peer.address AS peerAddr, peer.type AS peerType, peer.distinguisher AS peerDistinguisher, peer.ribView AS ribView
FROM incoming
WHERE type = 'router';

-- The routes of all routers now.
CREATE VIEW current AS SELECT * FROM rib FINAL WHERE announced;

-- Below `floor`, the routes of this scope are gone: the last resync-begin of the scope that has a resync-end behind it. `begunNs` is
-- its time. An empty `peerAddr` or `family` means all of them.
CREATE VIEW resyncs AS
SELECT routerAddr, peerAddr, peerType, peerDistinguisher, ribView, family, max(sequence) AS floor, argMax(timeReceivedNs, sequence) AS begunNs
FROM
(
    SELECT
        *,
        max(if(kind = 'resync-end', sequence, 0)) OVER (
            PARTITION BY routerAddr, peerAddr, peerType, peerDistinguisher, ribView, family
        ) AS last_end
    FROM router_events
    WHERE kind IN ('resync-begin', 'resync-end')
)
WHERE kind = 'resync-begin' AND sequence < last_end
GROUP BY routerAddr, peerAddr, peerType, peerDistinguisher, ribView, family;
