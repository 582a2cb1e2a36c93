-- Updates of `arancini export --format parquet` into `updates`: the past, without the events that `current` needs.
INSERT INTO updates
SELECT
    coalesce(toUnixTimestamp64Nano(timeReceivedNs), 0) AS timeReceivedNs, sequence, routerAddr, peerAddr, peerBgpId, peerAsn, peerType,
    peerDistinguisher, ribView, tableName, afi, safi, prefix,
    toIPv6OrDefault(splitByChar('/', coalesce(prefix, ''))[1]) AS network, prefixLen, lower(hex(rawNlri)) AS rawNlri,
    coalesce(toInt64(pathId), -1) AS pathId, routeDistinguisher, announced, synthetic, withdrawReason,
    if(announced, leftPad(lower(hex(attributeFingerprint)), 16, '0'), '') AS attributeFingerprint,
    origin, coalesce(asPath[-1], 0) AS originAs, asPath, nextHop, multiExitDisc, localPreference, communities, extendedCommunities,
    largeCommunities
FROM file('updates.parquet')
SETTINGS insert_null_as_default = 1;
