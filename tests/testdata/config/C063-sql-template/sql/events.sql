SELECT *
FROM {{ table }}
