-- One account a user. What the log says of a person never changes, so any of its rows will do.
SELECT
    "userId"                                AS account_id,
    min("firstName") || ' ' || min("lastName") AS name,
    min(registration)                       AS created_at,
    min(location)                           AS location,
    min(nullif(split_part(location, ', ', 2), '')) AS region,
    min(gender)                             AS gender,
    min(CASE
        WHEN "userAgent" LIKE '%iPhone%' OR "userAgent" LIKE '%iPad%' THEN 'ios'
        WHEN "userAgent" LIKE '%Macintosh%'                           THEN 'mac'
        WHEN "userAgent" LIKE '%Windows%'                             THEN 'windows'
        WHEN "userAgent" LIKE '%Linux%'                               THEN 'linux'
    END)                                    AS platform
FROM log
WHERE "userId" <> ''
GROUP BY "userId"
