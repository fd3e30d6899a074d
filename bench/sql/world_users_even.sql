SELECT
    'u' || lpad((account * ($users // $accounts) + k)::VARCHAR, 8, '0') AS user_id,
    'a' || lpad(account::VARCHAR, 7, '0') AS account_id,
    'u' || (account * ($users // $accounts) + k) || '@c' || account || '.test' AS email,
    'User ' || (account * ($users // $accounts) + k) AS name,
    ['Analyst', 'Manager', 'VP Data', 'Engineer'][(1 + hash($seed, account, k, 6) % 4)::BIGINT] AS role
FROM range($accounts) AS accounts(account), range($users // $accounts) AS members(k)
