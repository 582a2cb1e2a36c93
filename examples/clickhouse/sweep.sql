-- Marks as withdrawn what the last resync has not announced again. Run it after each load, or once a minute: it writes nothing if
-- there is nothing to remove. The withdraw has the time of the resync.
INSERT INTO rib
SELECT r.* REPLACE (false AS announced, s.floor AS sequence, s.begunNs AS timeReceivedNs)
FROM (SELECT * FROM rib FINAL WHERE announced AND routerAddr IN (SELECT routerAddr FROM resyncs)) AS r
INNER JOIN resyncs AS s ON r.routerAddr = s.routerAddr
WHERE r.sequence < s.floor
    AND (s.family = '' OR s.family = concat(toString(r.afi), '/', toString(r.safi)))
    AND (
        s.peerAddr = ''
        OR (
            s.peerAddr = r.peerAddr AND s.peerType = r.peerType AND s.peerDistinguisher = r.peerDistinguisher
            AND s.ribView = r.ribView
        )
    );
