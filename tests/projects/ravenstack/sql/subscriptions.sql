-- What was so in each stretch: a trial lasts {{ trial_days }} days, and who pays nothing outside one is on the free plan.
SELECT
    account_id,
    plan_tier AS plan,
    CASE
        WHEN is_trial = 'TRUE'                     THEN 'trialing'
        WHEN try_cast(mrr_amount AS DOUBLE) > 0    THEN 'active'
        ELSE 'free'
    END AS status,
    try_cast(mrr_amount AS DOUBLE)                 AS mrr,
    try_strptime(start_date, '{{ day }}')          AS started_at,
    CASE
        WHEN is_trial = 'TRUE' THEN least(
            coalesce(try_strptime(end_date, '{{ day }}'), TIMESTAMP '9999-12-31'),
            try_strptime(start_date, '{{ day }}') + INTERVAL {{ trial_days }} DAY
        )
        ELSE try_strptime(end_date, '{{ day }}')
    END                                            AS ended_at,
    CASE WHEN is_trial = 'TRUE'
        THEN try_strptime(start_date, '{{ day }}') + INTERVAL {{ trial_days }} DAY
    END                                            AS trial_ends_at
FROM raw_subscriptions
