-- Must give one row for each stretch of time that an account was on a plan:
--   account_id, plan, status, mrr, started_at, ended_at (null: still), trial_ends_at.
-- `status` is what it was in that stretch, not what became of it: billing calls a subscription that has ended
-- 'cancelled', but until it ended it was active. With today's state the past would have no customers.
SELECT
    workspace_uid AS account_id,
    plan_code     AS plan,
    CASE
        WHEN trial_until IS NOT NULL THEN 'trialing'
        WHEN monthly_cents = 0       THEN 'free'
        WHEN state = 'past_due'      THEN 'past_due'
        ELSE 'active'
    END AS status,
    monthly_cents / 100.0 AS mrr,
    begins_at   AS started_at,
    ends_at     AS ended_at,
    trial_until AS trial_ends_at
FROM billing.subscriptions
