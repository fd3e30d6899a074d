SELECT account_id, count(*) AS value FROM seats WHERE added_at < :as_of GROUP BY account_id
