-- Must give one row for each account and meter: account_id, meter, allowed, period (day, week, month or total) and used.
-- Where `used` is null, a signal counts the use from the events (see signals/api_limit_ahead.yml).
SELECT
    workspace_uid AS account_id,
    limit_name    AS meter,
    included      AS allowed,
    used_now      AS used,
    CASE resets WHEN 'monthly' THEN 'month' ELSE 'total' END AS period
FROM billing.plan_limits
