-- One row a feature, day and subscription, and one a ticket. Some usage ids stand on two rows, some rows lie before or
-- after their subscription, and some days cannot be read.
SELECT
    u.usage_id                                 AS event_id,
    s.account_id,
    CAST(NULL AS VARCHAR)                      AS user_id,
    try_strptime(u.usage_date, '{{ day }}')    AS occurred_at,
    'feature_used'                             AS event,
    u.feature_name                             AS feature,
    try_cast(u.usage_count AS INTEGER)         AS quantity,
    json_object(
        'seconds', try_cast(u.usage_duration_secs AS INTEGER), 'errors', try_cast(u.error_count AS INTEGER)
    )                                          AS properties,
    u.is_beta_feature = 'TRUE'                 AS is_beta,
    try_strptime(u.usage_date, '{{ day }}') >= try_strptime(s.start_date, '{{ day }}')
        AND try_strptime(u.usage_date, '{{ day }}')
            <= coalesce(try_strptime(s.end_date, '{{ day }}'), TIMESTAMP '9999-12-31') AS in_subscription
FROM raw_usage AS u
LEFT JOIN raw_subscriptions AS s ON s.subscription_id = u.subscription_id
UNION ALL
SELECT
    ticket_id,
    account_id,
    NULL,
    try_strptime(submitted_at, '{{ day }}'),
    'ticket_opened',
    NULL,
    1,
    json_object('priority', priority),
    NULL,
    NULL
FROM raw_tickets
