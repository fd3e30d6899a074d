SELECT 1 AS found 
FROM (SELECT * FROM events
) AS pql_events 
WHERE nullif(regexp_replace(pql_events."account_id", '^[<white space>]+|[<white space>]+$', ''), '') IS NULL AND nullif(regexp_replace(pql_events."user_id", '^[<white space>]+|[<white space>]+$', ''), '') IS NOT NULL
LIMIT 1;

SELECT CAST(coalesce(sum(pql_twice_events.n - 1), 0) AS BIGINT) AS repeats 
FROM (SELECT anon_1.id AS event_id, count(*) AS n 
FROM (SELECT nullif(pql_events."event_id", '') AS id, CAST(round(to_unixtime(pql_events."occurred_at") * 1e6) AS BIGINT) AS at_micros 
FROM (SELECT * FROM events
) AS pql_events) AS anon_1 
WHERE anon_1.id IS NOT NULL GROUP BY anon_1.id, (anon_1.at_micros + 19800000000 + 86400000000000000) / 86400000000 - 1000000 
HAVING count(*) > 1) AS pql_twice_events;

WITH spans AS 
(SELECT 1712048400000000 AS as_of, 19815 AS as_of_day, 1711477800000000 AS lo, 1712048400000000 AS hi UNION ALL SELECT 1712102400000000 AS as_of, 19816 AS as_of_day, 1711564200000000 AS lo, 1712102400000000 AS hi)
 SELECT spans.as_of, slices_0.key AS key, max(slices_0.last_passes_0) AS input_1 
FROM (SELECT pql_events_stage.account_id AS key, pql_events_stage.day AS day, pql_events_stage.part AS part, min(pql_events_stage.at_micros) AS at_micros, max(CASE WHEN pql_events_stage.passes_0 THEN pql_events_stage.at_micros END) AS last_passes_0 
FROM (SELECT anon_1.account_id AS account_id, anon_1.user_id AS user_id, anon_1.at_micros AS at_micros, anon_1.passes_0 AS passes_0, (anon_1.at_micros + 19800000000 + 86400000000000000) / 86400000000 - 1000000 AS day, CASE WHEN (anon_1.at_micros >= 1712048400000000) THEN 1 ELSE 0 END AS part 
FROM (SELECT anon_2.account_id AS account_id, anon_2.user_id AS user_id, anon_2.at_micros AS at_micros, anon_2.passes_0 AS passes_0 
FROM (SELECT anon_3.account_id AS account_id, anon_3.user_id AS user_id, anon_3.at_micros AS at_micros, anon_3.passes_0 AS passes_0 
FROM (SELECT pql_events_prepared.pql_id_account_id AS account_id, pql_events_prepared.pql_id_user_id AS user_id, pql_events_prepared.pql_at_micros AS at_micros, pql_events_prepared.pql_text_0 IS NOT NULL AND pql_events_prepared.pql_folded_0 IN ('paywall') AS passes_0 
FROM (SELECT pql_events."event_id" AS "event_id", pql_events."account_id" AS account_id, pql_events."user_id" AS user_id, pql_events."occurred_at" AS "occurred_at", pql_events."event" AS "event", pql_events."feature" AS "feature", pql_events."quantity" AS "quantity", pql_events."properties" AS "properties", nullif(regexp_replace(pql_events."account_id", '^[<white space>]+|[<white space>]+$', ''), '') AS pql_id_account_id, nullif(regexp_replace(pql_events."user_id", '^[<white space>]+|[<white space>]+$', ''), '') AS pql_id_user_id, lower(regexp_replace(pql_events."event", '^[<white space>]+|[<white space>]+$', '')) AS pql_folded_0, CAST(round(to_unixtime(pql_events."occurred_at") * 1e6) AS BIGINT) AS pql_at_micros, pql_events."event" AS pql_text_0 
FROM (SELECT * FROM events
) AS pql_events 
WHERE pql_events."occurred_at" < TIMESTAMP '2024-04-04 00:00:00.000000 UTC' AND pql_events."occurred_at" >= TIMESTAMP '2024-03-25 18:00:00.000000 UTC') AS pql_events_prepared) AS anon_3 
WHERE anon_3.at_micros IS NOT NULL AND anon_3.account_id IS NOT NULL) AS anon_2 
WHERE anon_2.at_micros < 1712102400000000 AND anon_2.at_micros >= 1711476000000000) AS anon_1) AS pql_events_stage 
WHERE pql_events_stage.account_id IS NOT NULL GROUP BY pql_events_stage.account_id, pql_events_stage.day, pql_events_stage.part) AS slices_0 JOIN spans ON slices_0.at_micros >= spans.lo AND slices_0.at_micros < spans.hi GROUP BY spans.as_of, slices_0.key;

WITH spans AS 
(SELECT 1712048400000000 AS as_of, 19815 AS as_of_day, 1711477800000000 AS lo, 1712048400000000 AS hi UNION ALL SELECT 1712102400000000 AS as_of, 19816 AS as_of_day, 1711564200000000 AS lo, 1712102400000000 AS hi)
 SELECT spans.as_of, slices_1.key AS key, CAST(coalesce(sum(slices_1.active), 0) AS BIGINT) AS input_0 
FROM (SELECT anon_1.account_id AS key, anon_1.day AS day, anon_1.part AS part, CAST(sum(anon_1.gap) AS BIGINT) AS active, min(anon_1.at_micros) AS at_micros 
FROM (SELECT pql_events_stage.account_id AS account_id, pql_events_stage.day AS day, pql_events_stage.part AS part, pql_events_stage.at_micros AS at_micros, pql_events_stage.at_micros - lag(pql_events_stage.at_micros) OVER (PARTITION BY pql_events_stage.account_id, pql_events_stage.user_id ORDER BY pql_events_stage.at_micros) AS gap 
FROM (SELECT anon_2.account_id AS account_id, anon_2.user_id AS user_id, anon_2.at_micros AS at_micros, anon_2.passes_0 AS passes_0, (anon_2.at_micros + 19800000000 + 86400000000000000) / 86400000000 - 1000000 AS day, CASE WHEN (anon_2.at_micros >= 1712048400000000) THEN 1 ELSE 0 END AS part 
FROM (SELECT anon_3.account_id AS account_id, anon_3.user_id AS user_id, anon_3.at_micros AS at_micros, anon_3.passes_0 AS passes_0 
FROM (SELECT anon_4.account_id AS account_id, anon_4.user_id AS user_id, anon_4.at_micros AS at_micros, anon_4.passes_0 AS passes_0 
FROM (SELECT pql_events_prepared.pql_id_account_id AS account_id, pql_events_prepared.pql_id_user_id AS user_id, pql_events_prepared.pql_at_micros AS at_micros, pql_events_prepared.pql_text_0 IS NOT NULL AND pql_events_prepared.pql_folded_0 IN ('paywall') AS passes_0 
FROM (SELECT pql_events."event_id" AS "event_id", pql_events."account_id" AS account_id, pql_events."user_id" AS user_id, pql_events."occurred_at" AS "occurred_at", pql_events."event" AS "event", pql_events."feature" AS "feature", pql_events."quantity" AS "quantity", pql_events."properties" AS "properties", nullif(regexp_replace(pql_events."account_id", '^[<white space>]+|[<white space>]+$', ''), '') AS pql_id_account_id, nullif(regexp_replace(pql_events."user_id", '^[<white space>]+|[<white space>]+$', ''), '') AS pql_id_user_id, lower(regexp_replace(pql_events."event", '^[<white space>]+|[<white space>]+$', '')) AS pql_folded_0, CAST(round(to_unixtime(pql_events."occurred_at") * 1e6) AS BIGINT) AS pql_at_micros, pql_events."event" AS pql_text_0 
FROM (SELECT * FROM events
) AS pql_events 
WHERE pql_events."occurred_at" < TIMESTAMP '2024-04-04 00:00:00.000000 UTC' AND pql_events."occurred_at" >= TIMESTAMP '2024-03-25 18:00:00.000000 UTC') AS pql_events_prepared) AS anon_4 
WHERE anon_4.at_micros IS NOT NULL AND anon_4.account_id IS NOT NULL) AS anon_3 
WHERE anon_3.at_micros < 1712102400000000 AND anon_3.at_micros >= 1711476000000000) AS anon_2) AS pql_events_stage 
WHERE pql_events_stage.user_id IS NOT NULL AND pql_events_stage.passes_0 AND pql_events_stage.at_micros >= 1711476000000000) AS anon_1 
WHERE anon_1.gap <= 1800000000 AND anon_1.at_micros >= 1711477800000000 GROUP BY anon_1.account_id, anon_1.day, anon_1.part) AS slices_1 JOIN spans ON slices_1.at_micros >= spans.lo AND slices_1.at_micros < spans.hi GROUP BY spans.as_of, slices_1.key;
