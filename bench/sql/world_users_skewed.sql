SELECT
    'u' || lpad((first_user + k)::VARCHAR, 8, '0') AS user_id,
    'a' || lpad(account::VARCHAR, 7, '0') AS account_id,
    'u' || (first_user + k) || '@c' || account || '.test' AS email,
    'User ' || (first_user + k) AS name,
    ['Analyst', 'Manager', 'VP Data', 'Engineer'][(1 + hash($seed, first_user + k, 6) % 4)::BIGINT] AS role
FROM (
    SELECT account, first_user, unnest(range(greatest(1, next_user - first_user))) AS k
    FROM (
        SELECT
            account,
            floor($users * sqrt(account / $accounts))::BIGINT AS first_user,
            floor($users * sqrt((account + 1) / $accounts))::BIGINT AS next_user
        FROM range($accounts) AS numbers(account)
    )
)
