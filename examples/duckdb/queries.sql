-- Prefixes that more than one AS originates.
SELECT prefix, list(DISTINCT asPath[-1]) AS origins, count(DISTINCT (routerAddr, peerAddr)) AS peers
FROM current
WHERE prefix IS NOT NULL AND asPath IS NOT NULL
GROUP BY prefix
HAVING count(DISTINCT asPath[-1]) > 1
ORDER BY peers DESC, prefix
LIMIT 20;

-- The prefixes with most updates.
SELECT prefix, count(*) AS changes, count(*) FILTER (NOT announced) AS withdraws
FROM updates
WHERE prefix IS NOT NULL
GROUP BY prefix
ORDER BY changes DESC, prefix
LIMIT 20;
