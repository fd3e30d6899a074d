-- The log has no table of subscriptions, but each row says on which level the user was. A change of level begins a
-- stretch. Who pays at their first row in the log paid before it began: from the registration on, as far as we know.
WITH rows_in_order AS (
    SELECT
        "userId", ts, "sessionId", "itemInSession", level, registration,
        lag(level) OVER (PARTITION BY "userId" ORDER BY ts, "sessionId", "itemInSession") AS level_before
    FROM log
    WHERE "userId" <> ''
),
stretches AS (
    SELECT
        "userId", level, ts,
        CASE WHEN level_before IS NULL THEN least(ts, registration) ELSE ts END AS started_at,
        lead(ts) OVER (PARTITION BY "userId" ORDER BY ts, "sessionId", "itemInSession") AS ended_at
    FROM rows_in_order
    WHERE level_before IS NULL OR level_before <> level
)
SELECT
    "userId"                                            AS account_id,
    level                                               AS plan,
    CASE level WHEN 'paid' THEN 'active' ELSE 'free' END AS status,
    CASE level WHEN 'paid' THEN 9.99 ELSE 0 END         AS mrr,
    started_at,
    ended_at
FROM stretches
