-- All columns of a CSV are text, so that ids keep their zeros and NA stays a country. `churn_flag` is left out: it
-- tells of the future.
SELECT
    account_id,
    account_name                             AS name,
    try_strptime(signup_date, '{{ day }}')   AS created_at,
    plan_tier                                AS plan,
    industry,
    country,
    referral_source,
    try_cast(seats AS INTEGER)               AS seats
FROM raw_accounts
