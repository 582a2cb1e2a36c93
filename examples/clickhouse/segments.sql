-- A table for segment files as they are: `INSERT INTO segment_updates FORMAT CapnProto` with the schema `update.capnp`. Columns have the
-- names of the schema, and addresses are 16 bytes (IPv6NumToString prints them; IPv4 is ::ffff:a.b.c.d). The order is the key of a
-- route, and the highest sequence of a key stays.
CREATE TABLE segment_updates
(
    timeReceivedNs        UInt64,
    routerAddr            FixedString(16),
    peerAddr              FixedString(16),
    peerBgpId             UInt32,
    peerAsn               UInt32,
    peerType              UInt8,
    peerDistinguisher     UInt64,
    ribView               Enum8('adjRibInPre' = 0, 'adjRibInPost' = 1, 'adjRibOutPre' = 2, 'adjRibOutPost' = 3, 'locRib' = 4),
    afi                   UInt16,
    safi                  UInt8,
    prefixAddr            FixedString(16),
    prefixLen             UInt8,
    rawNlri               String,
    hasPathId             UInt8,
    pathId                UInt32,
    hasRouteDistinguisher UInt8,
    routeDistinguisher    UInt64,
    sequence              UInt64,
    announced             UInt8,
    synthetic             UInt8,
    attributeFingerprint  UInt64,
    origin                String,
    asPath                Array(UInt32),
    nextHop               FixedString(16),
    hasMultiExitDisc      UInt8,
    multiExitDisc         UInt32,
    communities           Nested(asn UInt32, value UInt16)
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY
(
    routerAddr, afi, safi, prefixAddr, prefixLen, rawNlri, hasRouteDistinguisher, routeDistinguisher, hasPathId, pathId, ribView, peerAddr,
    peerDistinguisher, peerType, peerBgpId, peerAsn
);
