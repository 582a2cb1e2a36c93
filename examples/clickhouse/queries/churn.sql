-- The prefixes with most updates in the last ten minutes.
SELECT any(prefix) AS prefix, count() AS changes, countIf(NOT announced) AS withdraws, uniq(routerAddr, peerAddr) AS peers
FROM updates
WHERE timeReceivedNs >= (SELECT max(timeReceivedNs) FROM updates) - 600000000000 AND updates.prefix != ''
GROUP BY afi, safi, network, prefixLen
ORDER BY changes DESC
LIMIT 20;
