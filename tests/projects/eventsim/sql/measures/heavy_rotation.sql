-- How often a user played the artist whom they played most, in the last 30 times 24 hours.
SELECT user_id, max(plays) AS value
FROM (
    SELECT "userId" AS user_id, artist, count(*) AS plays
    FROM log
    WHERE page = 'NextSong'
      AND "userId" <> ''
      AND ts >= extract(epoch FROM CAST(:as_of AS timestamptz)) * 1000 - 30 * 86400000.0
      AND ts < extract(epoch FROM CAST(:as_of AS timestamptz)) * 1000
    GROUP BY "userId", artist
) AS by_artist
GROUP BY user_id
