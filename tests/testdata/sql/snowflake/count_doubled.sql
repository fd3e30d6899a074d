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

INSERT INTO pql_kept_events ("event_id", "account_id", "user_id", "occurred_at", "event", "feature", "quantity", "properties") SELECT anon_1."event_id", anon_1."account_id", anon_1."user_id", anon_1."occurred_at", anon_1."event", anon_1."feature", anon_1."quantity", anon_1."properties" 
FROM (SELECT pql_events."event_id" AS "event_id", pql_events."account_id" AS "account_id", pql_events."user_id" AS "user_id", pql_events."occurred_at" AS "occurred_at", pql_events."event" AS "event", pql_events."feature" AS "feature", pql_events."quantity" AS "quantity", pql_events."properties" AS "properties", row_number() OVER (PARTITION BY nullif(pql_events."event_id", ''), CAST(((date_part('epoch_microsecond', pql_events."occurred_at") + 19800000000 + 86400000000000000) - mod(date_part('epoch_microsecond', pql_events."occurred_at") + 19800000000 + 86400000000000000, 86400000000)) / 86400000000 AS BIGINT) - 1000000 ORDER BY date_part('epoch_microsecond', pql_events."occurred_at") IS NULL, CASE WHEN (nullif(trim(pql_events."account_id", '<white space>'), '') IS NOT NULL) THEN 0 WHEN (nullif(trim(pql_events."user_id", '<white space>'), '') IS NOT NULL) THEN 0 ELSE 1 END, date_part('epoch_microsecond', pql_events."occurred_at"), pql_events."account_id" IS NULL, pql_events."account_id", pql_events."event" IS NULL, pql_events."event", pql_events."event_id" IS NULL, pql_events."event_id", pql_events."feature" IS NULL, pql_events."feature", CAST(pql_events."occurred_at" AS TEXT) IS NULL, CAST(pql_events."occurred_at" AS TEXT), pql_events."properties" IS NULL, pql_events."properties", CASE WHEN (abs(CAST(pql_events."quantity" AS DOUBLE)) > 1.7976931348623157e+308) THEN NULL WHEN (abs(CAST(pql_events."quantity" AS DOUBLE)) < 1e18 AND CAST(pql_events."quantity" AS DOUBLE) = floor(CAST(pql_events."quantity" AS DOUBLE))) THEN CAST(CAST(CAST(pql_events."quantity" AS DOUBLE) AS BIGINT) AS TEXT) ELSE CAST(CAST(pql_events."quantity" AS DOUBLE) AS TEXT) END IS NULL, CASE WHEN (abs(CAST(pql_events."quantity" AS DOUBLE)) > 1.7976931348623157e+308) THEN NULL WHEN (abs(CAST(pql_events."quantity" AS DOUBLE)) < 1e18 AND CAST(pql_events."quantity" AS DOUBLE) = floor(CAST(pql_events."quantity" AS DOUBLE))) THEN CAST(CAST(CAST(pql_events."quantity" AS DOUBLE) AS BIGINT) AS TEXT) ELSE CAST(CAST(pql_events."quantity" AS DOUBLE) AS TEXT) END, pql_events."user_id" IS NULL, pql_events."user_id") AS pql_number 
FROM (SELECT * FROM events
) AS pql_events 
WHERE nullif(pql_events."event_id", '') IN (SELECT pql_twice_events.event_id 
FROM pql_twice_events)) AS anon_1 
WHERE anon_1.pql_number = 1;

INSERT INTO pql_events_stage (orphan, account_id, user_id, at_micros, day, part) SELECT anon_1.orphan, anon_1.account_id, anon_1.user_id, anon_1.at_micros, CAST(((anon_1.at_micros + 19800000000 + 86400000000000000) - mod(anon_1.at_micros + 19800000000 + 86400000000000000, 86400000000)) / 86400000000 AS BIGINT) - 1000000 AS day, CASE WHEN (anon_1.at_micros >= 1712048400000000) THEN 1 ELSE 0 END AS part 
FROM (SELECT anon_2.orphan AS orphan, anon_2.account_id AS account_id, anon_2.user_id AS user_id, anon_2.at_micros AS at_micros 
FROM (SELECT anon_3.account_id IS NULL AS orphan, coalesce(anon_3.account_id, anon_4.account_id) AS account_id, anon_3.user_id AS user_id, anon_3.at_micros AS at_micros 
FROM (SELECT pql_events_prepared.pql_id_account_id AS account_id, pql_events_prepared.pql_id_user_id AS user_id, pql_events_prepared.pql_at_micros AS at_micros 
FROM (SELECT pql_events_once."event_id" AS "event_id", pql_events_once.account_id AS account_id, pql_events_once.user_id AS user_id, pql_events_once."occurred_at" AS "occurred_at", pql_events_once."event" AS "event", pql_events_once."feature" AS "feature", pql_events_once."quantity" AS "quantity", pql_events_once."properties" AS "properties", nullif(trim(pql_events_once.account_id, '<white space>'), '') AS pql_id_account_id, nullif(trim(pql_events_once.user_id, '<white space>'), '') AS pql_id_user_id, date_part('epoch_microsecond', pql_events_once."occurred_at") AS pql_at_micros 
FROM (SELECT pql_events."event_id" AS "event_id", pql_events."account_id" AS account_id, pql_events."user_id" AS user_id, pql_events."occurred_at" AS "occurred_at", pql_events."event" AS "event", pql_events."feature" AS "feature", pql_events."quantity" AS "quantity", pql_events."properties" AS "properties" 
FROM (SELECT * FROM events
) AS pql_events 
WHERE nullif(pql_events."event_id", '') IS NULL OR (nullif(pql_events."event_id", '') NOT IN (SELECT pql_twice_events.event_id 
FROM pql_twice_events)) UNION ALL SELECT pql_kept_events."event_id" AS "event_id", pql_kept_events."account_id" AS account_id, pql_kept_events."user_id" AS user_id, pql_kept_events."occurred_at" AS "occurred_at", pql_kept_events."event" AS "event", pql_kept_events."feature" AS "feature", pql_kept_events."quantity" AS "quantity", pql_kept_events."properties" AS "properties" 
FROM pql_kept_events) AS pql_events_once 
WHERE pql_events_once."occurred_at" < '2024-04-04 00:00:00.000000+00:00' AND pql_events_once."occurred_at" >= '2024-03-25 18:30:00.000000+00:00') AS pql_events_prepared) AS anon_3 LEFT OUTER JOIN (SELECT anon_5.user_id AS user_id, anon_5.account_id AS account_id 
FROM (SELECT nullif(trim(pql_users."user_id", '<white space>'), '') AS user_id, nullif(trim(pql_users."account_id", '<white space>'), '') AS account_id, row_number() OVER (PARTITION BY nullif(trim(pql_users."user_id", '<white space>'), '') ORDER BY pql_users."account_id" IS NULL, pql_users."account_id", CAST(pql_users."created_at" AS TEXT) IS NULL, CAST(pql_users."created_at" AS TEXT), pql_users."email" IS NULL, pql_users."email", pql_users."name" IS NULL, pql_users."name", pql_users."role" IS NULL, pql_users."role", pql_users."user_id" IS NULL, pql_users."user_id") AS pql_number 
FROM (SELECT * FROM users
) AS pql_users 
WHERE nullif(trim(pql_users."user_id", '<white space>'), '') IS NOT NULL) AS anon_5 
WHERE anon_5.pql_number = 1) AS anon_4 ON anon_3.account_id IS NULL AND anon_4.user_id = anon_3.user_id 
WHERE anon_3.at_micros IS NOT NULL AND coalesce(anon_3.account_id, anon_4.account_id) IS NOT NULL) AS anon_2 
WHERE anon_2.at_micros < 1712102400000000 AND anon_2.at_micros >= 1711477800000000) AS anon_1;

WITH spans AS 
(SELECT 1712048400000000 AS as_of, 19815 AS as_of_day, 1711477800000000 AS lo, 1712048400000000 AS hi UNION ALL SELECT 1712102400000000 AS as_of, 19816 AS as_of_day, 1711564200000000 AS lo, 1712102400000000 AS hi)
 SELECT spans.as_of, slices_0.key AS key, CAST(coalesce(sum(slices_0.n_all), 0) AS BIGINT) AS input_0, max(slices_0.last_all) AS input_1 
FROM (SELECT pql_events_stage.account_id AS key, pql_events_stage.day AS day, pql_events_stage.part AS part, min(pql_events_stage.at_micros) AS at_micros, count(1) AS n_all, max(pql_events_stage.at_micros) AS last_all 
FROM pql_events_stage 
WHERE pql_events_stage.account_id IS NOT NULL GROUP BY pql_events_stage.account_id, pql_events_stage.day, pql_events_stage.part) AS slices_0 JOIN spans ON slices_0.at_micros >= spans.lo AND slices_0.at_micros < spans.hi GROUP BY spans.as_of, slices_0.key;
