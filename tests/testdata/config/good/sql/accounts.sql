SELECT account_id, name, domain, created_at FROM workspaces
