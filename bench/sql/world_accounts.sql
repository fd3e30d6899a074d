SELECT
    'a' || lpad(account::VARCHAR, 7, '0') AS account_id,
    'Company ' || account AS name,
    'c' || account || '.test' AS domain,
    -- Three in ten begin within the history of a skewed world; all others before it.
    CASE WHEN NOT $skewed OR birth % 10 < 7 THEN $zero - to_hours(24 * (1 + ((birth >> 8) % 700)::BIGINT))
         ELSE $zero + to_hours(24 * ((birth >> 8) % $days)::BIGINT) END
        + to_seconds(28800 + ((birth >> 40) % 28800)::BIGINT) AS created_at,
    ['free', 'team', 'business'][(1 + (birth >> 20) % 3)::BIGINT] AS plan,
    ['DE', 'US', 'FR', 'GB', 'JP', 'BR'][(1 + (birth >> 24) % 6)::BIGINT] AS country,
    ['software', 'fintech', 'retail', 'media'][(1 + (birth >> 28) % 4)::BIGINT] AS industry,
    (5 + pow(((birth >> 32) & 255) / 16.0, 2.5))::INTEGER AS employees
FROM (SELECT account, hash($seed, account, 5) AS birth FROM range($accounts) AS numbers(account))
