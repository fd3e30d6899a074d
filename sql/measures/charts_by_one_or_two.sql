-- The charts built in the last 28 days in accounts where only one or two people build any.
-- Must give account_id and value; :as_of is the instant of the evaluation, in UTC. Accounts without a row get the
-- `otherwise` of the signal.
SELECT
    workspace_uid            AS account_id,
    count(DISTINCT entry_id) AS value      -- distinct: some rows are in the log twice
FROM app.activity_log
WHERE action = 'chart_built'
  AND happened_at >= CAST(:as_of AS TIMESTAMP) - INTERVAL 28 DAY
  AND happened_at < CAST(:as_of AS TIMESTAMP)
GROUP BY workspace_uid
HAVING count(DISTINCT member_id) BETWEEN 1 AND 2
