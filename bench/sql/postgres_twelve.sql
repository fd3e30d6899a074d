-- Twelve queries, one a signal, as a team writes them: each reads its own window and no more.
-- name: accounts
SELECT account_id, created_at FROM accounts WHERE created_at < %(as_of)s
-- name: volume
SELECT account_id, count(*) FROM events WHERE occurred_at >= %(d7)s AND occurred_at < %(as_of)s GROUP BY account_id
-- name: paywall_hits
SELECT account_id, count(*) FROM events
WHERE occurred_at >= %(d14)s AND occurred_at < %(as_of)s AND event = 'paywall_viewed' GROUP BY account_id
-- name: sharing
SELECT account_id, count(*) FROM events
WHERE occurred_at >= %(d28)s AND occurred_at < %(as_of)s AND event IN ('report_shared', 'member_invited')
GROUP BY account_id
-- name: spending
SELECT account_id, sum(quantity) FROM events
WHERE occurred_at >= %(d60)s AND occurred_at < %(as_of)s AND event = 'export_run' GROUP BY account_id
-- name: breadth
SELECT account_id, count(*) FROM (
    SELECT account_id, feature FROM events
    WHERE occurred_at >= %(d14)s AND occurred_at < %(as_of)s AND feature IS NOT NULL GROUP BY account_id, feature
) AS used GROUP BY account_id
-- name: team
SELECT account_id, count(*) FROM (
    SELECT account_id, user_id FROM events
    WHERE occurred_at >= %(d28)s AND occurred_at < %(as_of)s AND user_id IS NOT NULL GROUP BY account_id, user_id
) AS seen GROUP BY account_id
-- name: time_in_product
SELECT account_id, extract(epoch FROM sum(gap)) / 60.0 FROM (
    SELECT account_id, occurred_at,
        occurred_at - lag(occurred_at) OVER (PARTITION BY user_id ORDER BY occurred_at) AS gap
    FROM events
    WHERE occurred_at >= %(d14)s - INTERVAL '30 minutes' AND occurred_at < %(as_of)s AND user_id IS NOT NULL
) AS gaps WHERE gap <= INTERVAL '30 minutes' AND occurred_at >= %(d14)s GROUP BY account_id
-- name: habit
SELECT account_id, bit_count(bit_or(1::bigint << day)::bit(64)) FROM (
    SELECT account_id, ((floor(extract(epoch FROM occurred_at))::bigint
        + CASE WHEN occurred_at >= %(step)s THEN %(offset_after)s ELSE %(offset_before)s END / 1000000)
        / 86400 %% 60)::integer AS day
    FROM events WHERE occurred_at >= %(d28)s AND occurred_at < %(as_of)s
) AS days GROUP BY account_id
-- name: recency
SELECT account_id, extract(epoch FROM %(as_of)s - max(occurred_at)) / 86400.0 FROM events
WHERE occurred_at >= %(d30)s AND occurred_at < %(as_of)s GROUP BY account_id
-- name: depth
SELECT account_id,
    count(*) FILTER (WHERE feature IN ('feature_00', 'feature_01', 'feature_02'))::double precision / count(*)
FROM events WHERE occurred_at >= %(d30)s AND occurred_at < %(as_of)s GROUP BY account_id
-- name: momentum
SELECT account_id,
    count(*) FILTER (WHERE occurred_at >= %(recent)s)::double precision
        / nullif(count(*) FILTER (WHERE occurred_at < %(recent)s), 0)
FROM events JOIN accounts USING (account_id)
WHERE occurred_at >= %(before)s AND occurred_at < %(complete)s AND created_at < %(young)s GROUP BY account_id
-- name: activation
SELECT account_id, greatest(extract(epoch FROM first_at - created_at), 0) / 86400.0 FROM (
    SELECT account_id, min(occurred_at) AS first_at FROM events WHERE event = 'integration_connected' GROUP BY account_id
) AS firsts JOIN accounts USING (account_id)
