-- Must give one row for each account:
--   account_id, name, created_at, and if you have them domain, plan, owner_email (whose lead it is) and
--   success_owner_email (who looks after it as a customer). Every other column is an attribute for config/icp.yml,
--   conditions and territories.
SELECT
    workspace_uid     AS account_id,
    title             AS name,
    lower(web_domain) AS domain,
    made_at           AS created_at,   -- UTC
    billing_country   AS country,
    sector            AS industry,
    headcount         AS employees,
    signup_source,
    is_internal,
    sales_owner       AS owner_email,
    cs_owner          AS success_owner_email
FROM app.workspaces
