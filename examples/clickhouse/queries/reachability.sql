-- The route that each router, peer and view has for 20.0.7.9: the longest prefix that covers it.
WITH toIPv6('20.0.7.9') AS address
SELECT routerAddr, peerAddr, ribView, argMax(prefix, prefixLen) AS prefix, argMax(nextHop, prefixLen) AS nextHop
FROM current
WHERE afi = 1 AND safi = 1
    AND (network, prefixLen) IN (
        SELECT IPv6CIDRToRange(address, toUInt8(96 + number)).1, toUInt8(number) FROM numbers(33)
    )
GROUP BY routerAddr, peerAddr, ribView
ORDER BY routerAddr, peerAddr, ribView;
