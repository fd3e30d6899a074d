-- Must give one row for each marketing touch: account_id, occurred_at, touch, and if known user_id and touch_id.
SELECT
    touchpoint_id AS touch_id,
    workspace_uid AS account_id,
    member_id     AS user_id,
    happened_at   AS occurred_at,
    CASE channel_code
        WHEN 'nl_click'         THEN 'newsletter'
        WHEN 'wp_download'      THEN 'white_paper'
        WHEN 'webinar_attended' THEN 'webinar'
        WHEN 'demo_form'        THEN 'demo_request'
        ELSE channel_code
    END AS touch
FROM marketing.touchpoints
