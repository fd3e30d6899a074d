{{ config(unique_key='day') }}
SELECT
    account_id,
    {{ day_of('occurred_at') }} AS day,
    count(*) AS n,
    count(CASE WHEN event = 'paywall_viewed' THEN 1 END) AS paywall,
    count(CASE WHEN event IN ('report_shared', 'member_invited') THEN 1 END) AS shares,
    sum(CASE WHEN event = 'export_run' THEN quantity END) AS spent,
    count(CASE WHEN feature IN ('feature_00', 'feature_01', 'feature_02') THEN 1 END) AS core,
    max(occurred_at) AS last_at
FROM {{ source('app', 'events') }}
WHERE {{ newest_days() }}
GROUP BY ALL
