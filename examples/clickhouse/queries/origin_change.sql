-- Prefixes that more than one AS has originated in the last ten minutes.
SELECT any(prefix) AS prefix, groupUniqArray(originAs) AS origins, count() AS announces, max(timeReceivedNs) AS last
FROM updates
WHERE announced AND originAs != 0 AND timeReceivedNs >= (SELECT max(timeReceivedNs) FROM updates) - 600000000000
GROUP BY afi, safi, network, prefixLen
HAVING length(origins) > 1
ORDER BY last DESC
LIMIT 100;
