SELECT account_id, user_id, occurred_at, event, feature
FROM activity
{% if start %}
WHERE occurred_at >= {{ start }} AND occurred_at < {{ end }}
{% endif %}
