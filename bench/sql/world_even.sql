-- One day's arrivals of the even world: every account, user, hour, event and feature as likely as any other, so that
-- little is shared by the rows of one account and day, and a rollup saves the least.
WITH drawn AS (
    SELECT hash($seed, $day, i) AS a, hash($seed, $day, i, 1) AS b, hash($seed, $day, i, 2) AS c
    FROM range((SELECT sessions FROM calendar WHERE day = $day)) AS numbers(i)
),
made AS (
    SELECT
        floor($accounts * ((a >> 32) / 4294967296.0))::BIGINT AS account,
        floor(($users // $accounts) * ((a & 4294967295) / 4294967296.0))::BIGINT AS member,
        $start::BIGINT + (($end::BIGINT - $start::BIGINT) * ((b >> 32) / 4294967296.0))::BIGINT AS micros,
        (b & 65535) % 20 AS event_number,
        ((b >> 16) & 65535) % 30 AS feature_number,
        (c >> 32) / 4294967296.0 AS amount
    FROM drawn
)
SELECT
    'a' || lpad(account::VARCHAR, 7, '0') AS account_id,
    'u' || lpad((account * ($users // $accounts) + member)::VARCHAR, 8, '0') AS user_id,
    make_timestamptz(micros) AS occurred_at,
    $events[event_number::BIGINT + 1] AS event,
    'feature_' || lpad(feature_number::VARCHAR, 2, '0') AS feature,
    round(amount * 40, 2) AS quantity,
    make_timestamptz(micros + 1000000) AS ingested_at
FROM made
ORDER BY micros
