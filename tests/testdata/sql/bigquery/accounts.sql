SELECT nullif(trim(`pql_accounts`.`account_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') AS `account_id`, unix_micros(`pql_accounts`.`created_at`) AS `created_at` 
FROM (SELECT * FROM accounts
) AS `pql_accounts` 
WHERE nullif(trim(`pql_accounts`.`account_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') IS NOT NULL;

SELECT nullif(trim(`pql_accounts`.`account_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') AS `account_id`, unix_micros(`pql_accounts`.`created_at`) AS `created_at`, `pql_accounts`.`country` AS `country`, `pql_accounts`.`domain` AS `domain`, CASE WHEN (abs(CAST(`pql_accounts`.`employees` AS FLOAT64)) <= 1.7976931348623157e+308) THEN CAST(`pql_accounts`.`employees` AS FLOAT64) END AS `employees`, `pql_accounts`.`name` AS `name` 
FROM (SELECT * FROM accounts
) AS `pql_accounts` 
WHERE nullif(trim(`pql_accounts`.`account_id`, '\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'), '') IS NOT NULL;
