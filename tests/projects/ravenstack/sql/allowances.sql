-- What a plan includes stands on the price list only; how many runs were used is counted from the events. Seats are
-- taken by the subscriptions that go on, the largest of which tells how many.
SELECT
    account_id,
    'runs'                      AS meter,
    CASE plan_tier WHEN 'Basic' THEN 20 WHEN 'Pro' THEN 40 WHEN 'Enterprise' THEN 80 END AS allowed,
    'month'                     AS period,
    CAST(NULL AS INTEGER)       AS used
FROM raw_accounts
UNION ALL
SELECT
    a.account_id,
    'seats',
    try_cast(a.seats AS INTEGER),
    'total',
    max(try_cast(s.seats AS INTEGER))
FROM raw_accounts AS a
LEFT JOIN raw_subscriptions AS s ON s.account_id = a.account_id AND s.end_date IS NULL
GROUP BY a.account_id, a.seats
