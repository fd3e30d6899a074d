-- Must give one row for each opportunity in the CRM: account_id, status ('open' is what matters), and if known deal_id
-- and owner_email. A lead with an open deal has its rep already.
SELECT
    workspace_uid AS account_id,
    opp_id        AS deal_id,
    CASE WHEN stage_name LIKE 'closed%' THEN stage_name ELSE 'open' END AS status,
    owner_mail    AS owner_email
FROM crm.opportunities
