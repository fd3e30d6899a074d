{{ config(materialized='table') }}
{% set newest = clock('newest') %}
WITH counted AS (
    SELECT
        account_id,
        sum(CASE WHEN day > {{ newest }} - 7 THEN n END) AS volume,
        sum(CASE WHEN day > {{ newest }} - 14 THEN paywall END) AS paywall_hits,
        sum(CASE WHEN day > {{ newest }} - 28 THEN shares END) AS sharing,
        sum(spent) AS spending,
        count(CASE WHEN day > {{ newest }} - 28 THEN 1 END) AS habit,
        max(CASE WHEN day > {{ newest }} - 30 THEN last_at END) AS last_at,
        sum(CASE WHEN day > {{ newest }} - 30 THEN core END) AS core,
        sum(CASE WHEN day > {{ newest }} - 30 THEN n END) AS n30,
        coalesce(sum(CASE WHEN day > {{ newest }} - 14 THEN n END), 0) AS recent,
        sum(CASE WHEN day > {{ newest }} - 28 AND day <= {{ newest }} - 14 THEN n END) AS earlier
    FROM {{ ref('account_days') }}
    WHERE day > {{ newest }} - 60
    GROUP BY account_id
),
features AS (
    SELECT account_id, count(DISTINCT feature) AS breadth
    FROM {{ ref('account_features') }}
    WHERE day > {{ newest }} - 14
    GROUP BY account_id
),
joined AS (
    SELECT
        *,
        first_micros - lag(last_micros) OVER (PARTITION BY account_id, user_id ORDER BY day) AS gap
    FROM {{ ref('user_days') }}
    WHERE day > {{ newest }} - 29
),
users AS (
    SELECT
        account_id,
        count(DISTINCT CASE WHEN day > {{ newest }} - 28 THEN user_id END) AS team,
        sum(CASE WHEN day > {{ newest }} - 14 THEN inside + CASE WHEN gap <= 1800000000 THEN gap ELSE 0 END END) AS micros
    FROM joined
    GROUP BY account_id
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
    ({{ clock('now') }} - epoch_us(last_at)) / 86400000000 AS recency,
    core / nullif(n30, 0) AS depth,
    CASE WHEN epoch_us(created_at) < {{ clock('young') }} THEN recent / nullif(earlier, 0) END AS momentum,
    greatest(epoch_us(first_at) - epoch_us(created_at), 0 * epoch_us(first_at)) / 86400000000 AS activation
FROM {{ source('app', 'accounts') }}
LEFT JOIN counted USING (account_id)
LEFT JOIN features USING (account_id)
LEFT JOIN users USING (account_id)
LEFT JOIN {{ ref('first_seen') }} USING (account_id)
WHERE epoch_us(created_at) < {{ clock('now') }}
