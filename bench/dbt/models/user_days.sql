{{ config(unique_key='day') }}
WITH timed AS (
    SELECT account_id, user_id, {{ day_of('occurred_at') }} AS day, epoch_us(occurred_at) AS micros
    FROM {{ source('app', 'events') }}
    WHERE user_id IS NOT NULL AND {{ newest_days() }}
),
gaps AS (
    SELECT *, micros - lag(micros) OVER (PARTITION BY account_id, user_id, day ORDER BY micros) AS gap FROM timed
)
SELECT
    account_id,
    user_id,
    day,
    min(micros) AS first_micros,
    max(micros) AS last_micros,
    coalesce(sum(CASE WHEN gap <= 1800000000 THEN gap END), 0)::BIGINT AS inside
FROM gaps
GROUP BY ALL
