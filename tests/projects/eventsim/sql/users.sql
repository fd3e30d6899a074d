SELECT
    "userId"                                AS user_id,
    "userId"                                AS account_id,
    min("firstName") || ' ' || min("lastName") AS name,
    min(registration)                       AS created_at
FROM log
WHERE "userId" <> ''
GROUP BY "userId"
