-- One day's arrivals of the skewed world, in the order of arrival.
-- Accounts follow a power law (the largest of 100,000 has 2% of all sessions), users within an account too; sessions lie
-- mostly in working hours, and are bursts of about nine events; a part of the sessions arrives up to three days late.
WITH sessions AS (
    SELECT
        days.day,
        days.start_at,
        hash($seed, days.day, i) AS a,
        hash($seed, days.day, i, 1) AS b,
        hash($seed, days.day, i, 2) AS c,
        hash($seed, days.day, i, 3) AS d
    FROM (SELECT day, start_at, unnest(range(sessions)) AS i FROM calendar WHERE day BETWEEN $day - 3 AND $day) AS days
),
drawn AS (
    SELECT
        day,
        start_at,
        a AS session,
        floor($accounts * pow((a >> 32) / 4294967296.0, 3))::BIGINT AS account,
        pow((a & 4294967295) / 4294967296.0, 1.5) AS member,
        -- Working hours as a triangle from 7 to 19 o'clock; one session in seven at any time.
        CASE WHEN (c & 65535) < 9362 THEN 86400 * ((b >> 32) / 4294967296.0)
             ELSE 25200 + 21600 * ((b >> 32) / 4294967296.0 + (b & 4294967295) / 4294967296.0) END AS second,
        least(1 + floor(-ln(1 - (c >> 32) / 4294967296.0) * 8.5), 80)::BIGINT AS length,
        5 + 180 * pow((d >> 32) / 4294967296.0, 2) AS pace,
        CASE WHEN (d & 1048575) < $late * 1048576 THEN 1 + ((d >> 20) & 1) + ((d >> 21) & 1) ELSE 0 END AS lag,
        ((c >> 16) & 65535) < 1311 AS unmanned
    FROM sessions
),
owned AS (
    SELECT
        drawn.*,
        floor($users * sqrt(account / $accounts))::BIGINT AS first_user,
        greatest(1, floor($users * sqrt((account + 1) / $accounts))::BIGINT - floor($users * sqrt(account / $accounts))::BIGINT) AS members,
        hash($seed, account, 4) AS taste,
        hash($seed, account, 5) AS birth
    FROM drawn
    WHERE (lag = 0 AND (day = $day OR (day = $day - 1 AND second > 72000))) OR (lag > 0 AND day + lag BETWEEN $day - 1 AND $day)
),
happened AS (
    SELECT
        owned.*,
        hash(session, j) AS e,
        hash(session, j, 1) AS f,
        start_at + ((second + pace * (j + (hash(session, j, 2) & 65535) / 65536.0)) * 1000000)::BIGINT AS micros
    FROM (SELECT owned.*, unnest(range(length)) AS j FROM owned) AS owned
    -- An account begins before the world, or in it.
    WHERE day > CASE WHEN birth % 10 < 7 THEN -1000000 ELSE $first_day + (birth >> 8) % $days END
),
made AS (
    SELECT
        'a' || lpad(account::VARCHAR, 7, '0') AS account_id,
        CASE WHEN NOT unmanned THEN 'u' || lpad((first_user + floor(members * member)::BIGINT)::VARCHAR, 8, '0') END AS user_id,
        micros,
        floor(20 * pow((e >> 32) / 4294967296.0, 2.5))::BIGINT AS event_number,
        floor(30 * pow((e & 4294967295) / 4294967296.0, 1 + 4 * (taste & 65535) / 65536.0))::BIGINT AS feature_number,
        (f >> 32) / 4294967296.0 AS amount,
        micros + lag::BIGINT * 86400000000 + 1000000 + (f & 16777215)::BIGINT AS arrived
    FROM happened
)
SELECT
    account_id,
    user_id,
    make_timestamptz(micros) AS occurred_at,
    $events[event_number + 1] AS event,
    CASE WHEN event_number <> 2 THEN 'feature_' || lpad(feature_number::VARCHAR, 2, '0') END AS feature,
    CASE WHEN event_number IN (0, 4, 5) THEN round(-ln(1 - amount) * 20, 2) END AS quantity,
    make_timestamptz(arrived) AS ingested_at
FROM made
WHERE arrived >= $start::BIGINT AND arrived < $end::BIGINT
ORDER BY arrived
