-- All twelve in one pass over the longest window.
WITH added AS (
    SELECT
        account_id,
        count(CASE WHEN occurred_at >= $d7 THEN 1 END) AS volume,
        count(CASE WHEN occurred_at >= $d14 AND event = 'paywall_viewed' THEN 1 END) AS paywall_hits,
        count(CASE WHEN occurred_at >= $d28 AND event IN ('report_shared', 'member_invited') THEN 1 END) AS sharing,
        sum(CASE WHEN event = 'export_run' THEN quantity END) AS spending,
        count(DISTINCT CASE WHEN occurred_at >= $d14 THEN feature END) AS breadth,
        count(DISTINCT CASE WHEN occurred_at >= $d28 THEN user_id END) AS team,
        bit_count(bit_or(CASE WHEN occurred_at >= $d28 THEN 1::BIGINT << ((epoch_us(occurred_at)
            + CASE WHEN occurred_at >= $step THEN $offset_after ELSE $offset_before END) // 86400000000 % 60)::INTEGER
            END)) AS habit,
        max(CASE WHEN occurred_at >= $d30 THEN occurred_at END) AS last_at,
        count(CASE WHEN occurred_at >= $d30 AND feature IN ('feature_00', 'feature_01', 'feature_02') THEN 1 END) AS core,
        count(CASE WHEN occurred_at >= $d30 THEN 1 END) AS n30,
        count(CASE WHEN occurred_at >= $recent AND occurred_at < $complete THEN 1 END) AS recent,
        count(CASE WHEN occurred_at >= $before AND occurred_at < $recent THEN 1 END) AS earlier
    FROM events
    WHERE occurred_at >= $d60 AND occurred_at < $as_of
    GROUP BY account_id
),
gaps AS (
    SELECT
        account_id,
        occurred_at,
        epoch_us(occurred_at) - lag(epoch_us(occurred_at)) OVER (PARTITION BY user_id ORDER BY occurred_at) AS gap
    FROM events
    WHERE occurred_at >= $d14 - INTERVAL 30 MINUTE AND occurred_at < $as_of AND user_id IS NOT NULL
),
active AS (
    SELECT account_id, sum(gap) AS micros FROM gaps WHERE gap <= 1800000000 AND occurred_at >= $d14 GROUP BY account_id
)
SELECT
    account_id,
    coalesce(volume, 0) AS volume,
    coalesce(paywall_hits, 0) AS paywall_hits,
    coalesce(sharing, 0) AS sharing,
    coalesce(spending, 0) AS spending,
    coalesce(breadth, 0) AS breadth,
    coalesce(team, 0) AS team,
    coalesce(micros, 0) / 60000000 AS time_in_product,
    coalesce(habit, 0) AS habit,
    (epoch_us($as_of) - epoch_us(last_at)) / 86400000000 AS recency,
    core / nullif(n30, 0) AS depth,
    CASE WHEN created_at < $young THEN recent / nullif(earlier, 0) END AS momentum,
    greatest(epoch_us(first_at) - epoch_us(created_at), 0 * epoch_us(first_at)) / 86400000000 AS activation
FROM accounts
LEFT JOIN added USING (account_id)
LEFT JOIN active USING (account_id)
LEFT JOIN state.first_seen USING (account_id)
WHERE created_at < $as_of
