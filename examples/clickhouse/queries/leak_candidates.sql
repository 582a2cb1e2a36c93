-- Announces of the last ten minutes whose path goes through two of these transit-free ASes with another AS between them: somebody has passed
-- on to one of them what came from the other.
WITH [174, 701, 1299, 2914, 3257, 3320, 3356, 5511, 6453, 6461, 6762, 6830, 7018, 12956] AS transit_free
SELECT prefix, asPath, routerAddr, peerAddr
FROM updates
WHERE announced
    AND timeReceivedNs >= (SELECT max(timeReceivedNs) FROM updates) - 600000000000
    AND hasAny(asPath, transit_free)
    AND arrayExists(
        (first, between, last) -> has(transit_free, first) AND NOT has(transit_free, between) AND has(transit_free, last),
        arraySlice(asPath, 1, length(asPath) - 2), arraySlice(asPath, 2, length(asPath) - 2), arraySlice(asPath, 3)
    )
LIMIT 100;
