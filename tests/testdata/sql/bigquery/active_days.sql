SELECT 1 AS `found` 
FROM (SELECT * FROM events
) AS `pql_events` 
WHERE nullif(trim(`pql_events`.`account_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') IS NULL AND nullif(trim(`pql_events`.`user_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') IS NOT NULL
 LIMIT 1;

SELECT CAST(coalesce(sum(`pql_twice_events`.`n` - 1), 0) AS INT64) AS `repeats` 
FROM (SELECT `anon_1`.`id` AS `event_id`, count(*) AS `n` 
FROM (SELECT nullif(`pql_events`.`event_id`, '') AS `id`, unix_micros(`pql_events`.`occurred_at`) AS `at_micros` 
FROM (SELECT * FROM events
) AS `pql_events`) AS `anon_1` 
WHERE `anon_1`.`id` IS NOT NULL GROUP BY `anon_1`.`id`, div(`anon_1`.`at_micros` + 19800000000 + 86400000000000000, 86400000000) - 1000000 
HAVING count(*) > 1) AS `pql_twice_events`;

WITH `spans` AS 
(SELECT 1712048400000000 AS `as_of`, 19815 AS `as_of_day`, 1711477800000000 AS `lo`, 1712048400000000 AS `hi` UNION ALL SELECT 1712102400000000 AS `as_of`, 19816 AS `as_of_day`, 1711564200000000 AS `lo`, 1712102400000000 AS `hi`)
 SELECT `spans`.`as_of`, `slices_0`.`key` AS `key`, count(DISTINCT CASE WHEN (`slices_0`.`n_all` > 0) THEN `slices_0`.`day` END) AS `input_0`, max(`slices_0`.`last_all`) AS `input_1` 
FROM (SELECT `pql_events_stage`.`account_id` AS `key`, `pql_events_stage`.`day` AS `day`, `pql_events_stage`.`part` AS `part`, min(`pql_events_stage`.`at_micros`) AS `at_micros`, count(1) AS `n_all`, max(`pql_events_stage`.`at_micros`) AS `last_all` 
FROM (SELECT `anon_1`.`account_id` AS `account_id`, `anon_1`.`user_id` AS `user_id`, `anon_1`.`at_micros` AS `at_micros`, div(`anon_1`.`at_micros` + 19800000000 + 86400000000000000, 86400000000) - 1000000 AS `day`, CASE WHEN (`anon_1`.`at_micros` >= 1712048400000000) THEN 1 ELSE 0 END AS `part` 
FROM (SELECT `anon_2`.`account_id` AS `account_id`, `anon_2`.`user_id` AS `user_id`, `anon_2`.`at_micros` AS `at_micros` 
FROM (SELECT `anon_3`.`account_id` AS `account_id`, `anon_3`.`user_id` AS `user_id`, `anon_3`.`at_micros` AS `at_micros` 
FROM (SELECT `pql_events_prepared`.`pql_id_account_id` AS `account_id`, `pql_events_prepared`.`pql_id_user_id` AS `user_id`, `pql_events_prepared`.`pql_at_micros` AS `at_micros` 
FROM (SELECT `pql_events`.`event_id` AS `event_id`, `pql_events`.`account_id` AS `account_id`, `pql_events`.`user_id` AS `user_id`, `pql_events`.`occurred_at` AS `occurred_at`, `pql_events`.`event` AS `event`, `pql_events`.`feature` AS `feature`, `pql_events`.`quantity` AS `quantity`, `pql_events`.`properties` AS `properties`, nullif(trim(`pql_events`.`account_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') AS `pql_id_account_id`, nullif(trim(`pql_events`.`user_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') AS `pql_id_user_id`, unix_micros(`pql_events`.`occurred_at`) AS `pql_at_micros` 
FROM (SELECT * FROM events
) AS `pql_events` 
WHERE `pql_events`.`occurred_at` < timestamp_micros(1712188800000000) AND `pql_events`.`occurred_at` >= timestamp_micros(1711391400000000)) AS `pql_events_prepared`) AS `anon_3` 
WHERE `anon_3`.`at_micros` IS NOT NULL AND `anon_3`.`account_id` IS NOT NULL) AS `anon_2` 
WHERE `anon_2`.`at_micros` < 1712102400000000 AND `anon_2`.`at_micros` >= 1711477800000000) AS `anon_1`) AS `pql_events_stage` 
WHERE `pql_events_stage`.`account_id` IS NOT NULL GROUP BY `pql_events_stage`.`account_id`, `pql_events_stage`.`day`, `pql_events_stage`.`part`) AS `slices_0` JOIN `spans` ON `slices_0`.`at_micros` >= `spans`.`lo` AND `slices_0`.`at_micros` < `spans`.`hi` GROUP BY `spans`.`as_of`, `slices_0`.`key`;
