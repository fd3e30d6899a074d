SELECT nullif(btrim(pql_accounts."account_id", '<white space>'), '') AS account_id, datediff(microsecond, TIMESTAMP '1970-01-01 00:00:00', CAST(pql_accounts."created_at" AS TIMESTAMP WITHOUT TIME ZONE)) AS created_at 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(btrim(pql_accounts."account_id", '<white space>'), '') IS NOT NULL;

SELECT nullif(btrim(pql_accounts."account_id", '<white space>'), '') AS account_id, datediff(microsecond, TIMESTAMP '1970-01-01 00:00:00', CAST(pql_accounts."created_at" AS TIMESTAMP WITHOUT TIME ZONE)) AS created_at, pql_accounts."country" AS country, pql_accounts."domain" AS domain, CASE WHEN (abs(CAST(pql_accounts."employees" AS DOUBLE PRECISION)) <= 1.7976931348623157e+308) THEN CAST(pql_accounts."employees" AS DOUBLE PRECISION) END AS employees, pql_accounts."name" AS name 
FROM (SELECT * FROM accounts
) AS pql_accounts 
WHERE nullif(btrim(pql_accounts."account_id", '<white space>'), '') IS NOT NULL;
