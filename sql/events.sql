-- Must give one row for each thing that was done in the product:
--   account_id, user_id, occurred_at, event, and if you have them feature, quantity, properties (JSON), ingested_at
--   (when the row arrived) and event_id (rows with the same id count once). Any other column can be used in filters.
-- `start` and `end` are UTC instants, quoted: what a query needs lies between them. Use them to prune partitions.
SELECT
    entry_id      AS event_id,
    workspace_uid AS account_id,
    member_id     AS user_id,
    happened_at   AS occurred_at,     -- UTC
    received_at   AS ingested_at,
    -- The product renamed this action in March; one name goes on.
    CASE WHEN action = 'upgrade_wall_shown' THEN 'paywall_viewed' ELSE action END AS event,
    module        AS feature,
    amount        AS quantity,
    detail        AS properties
FROM app.activity_log
WHERE happened_at >= {{ start }} AND happened_at < {{ end }}
