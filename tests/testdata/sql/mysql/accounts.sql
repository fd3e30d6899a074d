SELECT nullif(regexp_replace(pql_accounts.`account_id` COLLATE utf8mb4_bin, '^[<white space>]+|[<white space>]+$', ''), '') AS account_id, timestampdiff(MICROSECOND, TIMESTAMP '1970-01-01 00:00:00', pql_accounts.`created_at`) AS created_at 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(regexp_replace(pql_accounts.`account_id` COLLATE utf8mb4_bin, '^[<white space>]+|[<white space>]+$', ''), '') IS NOT NULL;

SELECT nullif(regexp_replace(pql_accounts.`account_id` COLLATE utf8mb4_bin, '^[<white space>]+|[<white space>]+$', ''), '') AS account_id, timestampdiff(MICROSECOND, TIMESTAMP '1970-01-01 00:00:00', pql_accounts.`created_at`) AS created_at, pql_accounts.`country` COLLATE utf8mb4_bin AS country, pql_accounts.`domain` COLLATE utf8mb4_bin AS domain, CASE WHEN (abs(pql_accounts.`employees`) <= 1.7976931348623157e+308) THEN pql_accounts.`employees` END AS employees, pql_accounts.`name` COLLATE utf8mb4_bin AS name 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(regexp_replace(pql_accounts.`account_id` COLLATE utf8mb4_bin, '^[<white space>]+|[<white space>]+$', ''), '') IS NOT NULL;
