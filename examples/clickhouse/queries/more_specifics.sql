-- Routes within 20.0.0.0/16 that are more specific, with the ASes that originate them.
SELECT prefix, groupUniqArray(originAs) AS origins, uniqExact(routerAddr, peerAddr) AS peers
FROM current
WHERE afi = 1 AND safi = 1 AND prefixLen > 16 AND network BETWEEN toIPv6('20.0.0.0') AND toIPv6('20.0.255.255')
GROUP BY prefix, network, prefixLen
ORDER BY network, prefixLen
LIMIT 100;
