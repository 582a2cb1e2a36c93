-- The routes that all routers hold now: of each key the update with the highest sequence, if it is an announce that no resync has
-- removed. Reads what these write, in this order:
--   arancini export --format json --all --output stream.json
--   arancini export --format parquet --output updates.parquet
CREATE OR REPLACE VIEW updates AS SELECT * FROM 'updates.parquet';

-- Below `floor`, the routes of this scope are gone: the last resync-begin of the scope that has a resync-end behind it.
CREATE OR REPLACE TABLE resyncs AS
WITH events AS (
    SELECT
        kind, sequence, routerAddr, peer.address AS peerAddr, peer.type AS peerType, peer.distinguisher AS peerDistinguisher,
        peer.ribView AS ribView, family
    FROM read_json(
        'stream.json', format = 'newline_delimited',
        columns = {
            type: 'VARCHAR', kind: 'VARCHAR', sequence: 'UBIGINT', routerAddr: 'VARCHAR', family: 'VARCHAR',
            peer: 'STRUCT(address VARCHAR, type UTINYINT, distinguisher VARCHAR, ribView VARCHAR)'
        }
    )
    WHERE type = 'router' AND kind IN ('resync-begin', 'resync-end')
),
ends AS (
    SELECT *, max(sequence) FILTER (kind = 'resync-end') OVER (
        PARTITION BY routerAddr, peerAddr, peerType, peerDistinguisher, ribView, family
    ) AS last_end
    FROM events
)
SELECT routerAddr, peerAddr, peerType, peerDistinguisher, ribView, family, max(sequence) AS floor
FROM ends
WHERE kind = 'resync-begin' AND sequence < last_end
GROUP BY ALL;

CREATE OR REPLACE TABLE current AS
WITH last AS (
    SELECT *
    FROM updates
    QUALIFY row_number() OVER (
        PARTITION BY routerAddr, peerAddr, peerType, peerDistinguisher, peerBgpId, peerAsn, ribView, afi, safi, prefix, rawNlri, pathId,
            routeDistinguisher
        ORDER BY sequence DESC
    ) = 1
)
SELECT *
FROM last
WHERE announced AND NOT EXISTS (
    FROM resyncs
    WHERE resyncs.routerAddr = last.routerAddr AND last.sequence < floor
        AND (resyncs.family IS NULL OR resyncs.family = last.afi || '/' || last.safi)
        AND (
            resyncs.peerAddr IS NULL
            OR (
                resyncs.peerAddr = last.peerAddr AND resyncs.peerType = last.peerType AND resyncs.ribView = last.ribView
                AND resyncs.peerDistinguisher IS NOT DISTINCT FROM last.peerDistinguisher
            )
        )
);
