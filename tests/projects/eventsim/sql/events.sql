-- The log has no events of its own name: a page is what was done. Guests have an empty user id, and some rows none.
SELECT
    "userId"    AS account_id,
    "userId"    AS user_id,
    ts          AS occurred_at,      -- milliseconds since 1970
    page        AS event,
    CASE
        WHEN page IN ('NextSong', 'Error')                        THEN 'player'
        WHEN page IN ('Settings', 'Save Settings')                THEN 'settings'
        WHEN page LIKE '%Upgrade' OR page LIKE '%Downgrade'       THEN 'plans'
        WHEN page IN ('Help', 'About')                            THEN 'help'
    END         AS feature,
    "sessionId" AS session_id,
    level,
    status,
    artist,
    length
FROM log
WHERE ts >= CAST(extract(epoch FROM CAST({{ start }} AS timestamptz)) * 1000 AS bigint)
  AND ts < CAST(extract(epoch FROM CAST({{ end }} AS timestamptz)) * 1000 AS bigint)
