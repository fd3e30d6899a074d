-- Tickets that were open at the instant. The export's times are those of New York.
SELECT account_id, count(*) AS value
FROM raw_tickets
WHERE try_strptime(submitted_at, '%d-%m-%Y') < timezone('America/New_York', CAST(:as_of AS TIMESTAMPTZ))
  AND coalesce(try_strptime(closed_at, '%d-%m-%Y %H:%M'), TIMESTAMP '9999-12-31')
      >= timezone('America/New_York', CAST(:as_of AS TIMESTAMPTZ))
GROUP BY account_id
