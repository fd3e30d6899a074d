SELECT 1 AS found 
FROM (SELECT * FROM events
) AS pql_events 
WHERE nullif(trim(pql_events."account_id", '<white space>'), '') IS NULL AND nullif(trim(pql_events."user_id", '<white space>'), '') IS NOT NULL
 LIMIT 1;

INSERT INTO pql_twice_events (event_id, n) SELECT anon_1.id AS event_id, count(*) AS n 
FROM (SELECT nullif(pql_events."event_id", '') AS id, date_part('epoch_microsecond', pql_events."occurred_at") AS at_micros 
FROM (SELECT * FROM events
) AS pql_events) AS anon_1 
WHERE anon_1.id IS NOT NULL AND hash(anon_1.id) IN (SELECT hash(anon_1.id) AS hash_1 
FROM (SELECT nullif(pql_events."event_id", '') AS id, date_part('epoch_microsecond', pql_events."occurred_at") AS at_micros 
FROM (SELECT * FROM events
) AS pql_events) AS anon_1 
WHERE anon_1.id IS NOT NULL GROUP BY hash(anon_1.id) 
HAVING count(*) > 1) GROUP BY anon_1.id, CAST(((anon_1.at_micros + 19800000000 + 86400000000000000) - mod(anon_1.at_micros + 19800000000 + 86400000000000000, 86400000000)) / 86400000000 AS BIGINT) - 1000000 
HAVING count(*) > 1;

SELECT CAST(coalesce(sum(pql_twice_events.n - 1), 0) AS BIGINT) AS repeats 
FROM pql_twice_events;

INSERT INTO pql_events_stage (account_id, user_id, at_micros, day, part) SELECT anon_1.account_id, anon_1.user_id, anon_1.at_micros, CAST(((anon_1.at_micros + 19800000000 + 86400000000000000) - mod(anon_1.at_micros + 19800000000 + 86400000000000000, 86400000000)) / 86400000000 AS BIGINT) - 1000000 AS day, CASE WHEN (anon_1.at_micros >= 1712048400000000) THEN 1 ELSE 0 END AS part 
FROM (SELECT anon_2.account_id AS account_id, anon_2.user_id AS user_id, anon_2.at_micros AS at_micros 
FROM (SELECT anon_3.account_id AS account_id, anon_3.user_id AS user_id, anon_3.at_micros AS at_micros 
FROM (SELECT pql_events_prepared.pql_id_account_id AS account_id, pql_events_prepared.pql_id_user_id AS user_id, pql_events_prepared.pql_at_micros AS at_micros 
FROM (SELECT pql_events."event_id" AS "event_id", pql_events."account_id" AS account_id, pql_events."user_id" AS user_id, pql_events."occurred_at" AS "occurred_at", pql_events."event" AS "event", pql_events."feature" AS "feature", pql_events."quantity" AS "quantity", pql_events."properties" AS "properties", nullif(trim(pql_events."account_id", '<white space>'), '') AS pql_id_account_id, nullif(trim(pql_events."user_id", '<white space>'), '') AS pql_id_user_id, date_part('epoch_microsecond', pql_events."occurred_at") AS pql_at_micros 
FROM (SELECT * FROM events
) AS pql_events 
WHERE pql_events."occurred_at" < '2024-04-04 00:00:00.000000+00:00' AND pql_events."occurred_at" >= '2024-03-18 18:30:00.000000+00:00') AS pql_events_prepared) AS anon_3 
WHERE anon_3.at_micros IS NOT NULL AND anon_3.account_id IS NOT NULL) AS anon_2 
WHERE anon_2.at_micros < 1712102400000000 AND anon_2.at_micros >= 1710873000000000) AS anon_1;

WITH spans AS 
(SELECT 1712048400000000 AS as_of, 19815 AS as_of_day, 1710873000000000 AS lo, 1712048400000000 AS hi UNION ALL SELECT 1712102400000000 AS as_of, 19816 AS as_of_day, 1710959400000000 AS lo, 1712102400000000 AS hi)
 SELECT spans.as_of, slices_0.key AS key, max(slices_0.last_all) AS input_0 
FROM (SELECT pql_events_stage.account_id AS key, pql_events_stage.day AS day, pql_events_stage.part AS part, min(pql_events_stage.at_micros) AS at_micros, max(pql_events_stage.at_micros) AS last_all 
FROM pql_events_stage 
WHERE pql_events_stage.account_id IS NOT NULL GROUP BY pql_events_stage.account_id, pql_events_stage.day, pql_events_stage.part) AS slices_0 JOIN spans ON slices_0.at_micros >= spans.lo AND slices_0.at_micros < spans.hi GROUP BY spans.as_of, slices_0.key;
