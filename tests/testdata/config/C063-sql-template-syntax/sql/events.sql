SELECT *
FROM activity
{% if start %}
WHERE true
