-- Must give one row for each answered question: account_id, question (need, interest, budget, timing, authority),
-- answer, and if known user_id and answered_at.
SELECT
    workspace_uid           AS account_id,
    member_id               AS user_id,
    replace(field, 'q_', '') AS question,
    reply                   AS answer,
    submitted_at            AS answered_at
FROM forms.answers
