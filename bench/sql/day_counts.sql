-- What a model of the rollup's rows counts. Days are UTC days here, which changes nothing in the sizes.
SELECT
    (SELECT count(*) FROM events) AS events,
    (SELECT count(*) FROM (SELECT account_id, epoch_us(occurred_at) // 86400000000 AS day FROM events GROUP BY ALL)) AS account_days,
    (SELECT count(*) FROM (
        SELECT account_id, user_id, epoch_us(occurred_at) // 86400000000 AS day FROM events WHERE user_id IS NOT NULL GROUP BY ALL
    )) AS user_days,
    (SELECT count(*) FROM (
        SELECT account_id, feature, epoch_us(occurred_at) // 86400000000 AS day FROM events WHERE feature IS NOT NULL GROUP BY ALL
    )) AS account_feature_days
