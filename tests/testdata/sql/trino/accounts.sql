SELECT nullif(regexp_replace(pql_accounts."account_id", '^[<white space>]+|[<white space>]+$', ''), '') AS account_id, CAST(round(to_unixtime(pql_accounts."created_at") * 1e6) AS BIGINT) AS created_at 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(regexp_replace(pql_accounts."account_id", '^[<white space>]+|[<white space>]+$', ''), '') IS NOT NULL;

SELECT nullif(regexp_replace(pql_accounts."account_id", '^[<white space>]+|[<white space>]+$', ''), '') AS account_id, CAST(round(to_unixtime(pql_accounts."created_at") * 1e6) AS BIGINT) AS created_at, pql_accounts."country" AS country, pql_accounts."domain" AS domain, CASE WHEN (abs(CAST(pql_accounts."employees" AS DOUBLE)) <= 1.7976931348623157e+308) THEN CAST(pql_accounts."employees" AS DOUBLE) END AS employees, pql_accounts."name" AS name 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(regexp_replace(pql_accounts."account_id", '^[<white space>]+|[<white space>]+$', ''), '') IS NOT NULL;
