{{ config(unique_key='account_id') }}
SELECT account_id, min(occurred_at) AS first_at
FROM (
    SELECT account_id, occurred_at
    FROM {{ source('app', 'events') }}
    WHERE event = 'integration_connected' AND {{ newest_days() }}
    {% if is_incremental() %}
    UNION ALL
    SELECT account_id, first_at FROM {{ this }}
    {% endif %}
)
GROUP BY account_id
