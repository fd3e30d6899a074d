{{ config(unique_key='day') }}
SELECT DISTINCT account_id, {{ day_of('occurred_at') }} AS day, feature
FROM {{ source('app', 'events') }}
WHERE feature IS NOT NULL AND {{ newest_days() }}
