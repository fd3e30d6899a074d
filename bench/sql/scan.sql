SELECT account_id, count(*) AS n FROM events GROUP BY account_id
