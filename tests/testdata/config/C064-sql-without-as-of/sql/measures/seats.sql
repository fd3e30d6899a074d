-- Not in the past: :as_of is missing.
SELECT account_id, count(*) AS value, now()::as_of FROM seats GROUP BY account_id
