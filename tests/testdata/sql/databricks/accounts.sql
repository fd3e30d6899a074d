SELECT nullif(btrim(pql_accounts.`account_id`, '<white space>'), '') AS account_id, unix_micros(pql_accounts.`created_at`) AS created_at 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(btrim(pql_accounts.`account_id`, '<white space>'), '') IS NOT NULL;

SELECT nullif(btrim(pql_accounts.`account_id`, '<white space>'), '') AS account_id, unix_micros(pql_accounts.`created_at`) AS created_at, pql_accounts.`country` AS country, pql_accounts.`domain` AS domain, CASE WHEN (abs(CAST(pql_accounts.`employees` AS DOUBLE)) <= 1.7976931348623157e+308D) THEN CAST(pql_accounts.`employees` AS DOUBLE) END AS employees, pql_accounts.`name` AS name 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(btrim(pql_accounts.`account_id`, '<white space>'), '') IS NOT NULL;
