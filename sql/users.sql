-- Must give one row for each user: user_id, account_id, email, name, role. Every other column is an attribute.
SELECT
    member_id     AS user_id,
    workspace_uid AS account_id,
    mail          AS email,
    full_name     AS name,
    job_title     AS role,
    time_zone,
    joined_at
FROM app.members
