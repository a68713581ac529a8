package record

// reading is why an organization's own rows are not imported.
const reading = "it is for reading: the organization that imports keeps its own name, settings and members"

// own are the rows of account that go with a whole organization.
func own() []Table {
	const ofOrg = "x.org_id = {org}"
	return []Table{
		{
			Name: "organizations", File: "organization", About: "whose record this is", ReadOnly: reading, Within: "x.id = {org}",
			Columns: []Column{
				{Name: "id", Kind: ID()}, {Name: "name", Kind: Text(200)}, {Name: "created_at", Kind: Time()}, {Name: "updated_at", Kind: Time()},
			},
			Omitted: map[string]string{"name_fold": "it is computed from others", "deleted_at": "a deleted organization is not exported"},
		},
		{
			Name: "organization_settings", File: "settings", About: "its settings", ReadOnly: reading, Within: ofOrg, Key: []string{"org_id"},
			Columns: []Column{
				{Name: "time_zone", Kind: Text(100)},
				{Name: "languages", Kind: Text(200), About: "in which its papers are read"},
				{Name: "audit_years", Kind: Int(1, 100)},
				{Name: "updated_at", Kind: Time()},
			},
			Omitted: map[string]string{"org_id": "it is the organization's that has the row"},
		},
		{
			Name: "memberships", File: "members", About: "who was in it, by name and role", ReadOnly: reading, Within: ofOrg, Key: []string{"org_id", "user_id"},
			Columns: []Column{
				{Name: "name", Kind: Text(200), SQL: "(SELECT u.name FROM users u WHERE u.id = x.user_id)"},
				{Name: "email", Kind: Text(254), SQL: "(SELECT u.email FROM users u WHERE u.id = x.user_id)"},
				{Name: "role", Kind: Text(20)},
				{Name: "created_at", Kind: Time()},
			},
			Omitted: map[string]string{"org_id": "it is the organization's that has the row", "user_id": "people of another installation are nobody here"},
		},
	}
}

// Left are the tables of which nothing travels, with the reason.
func Left() map[string]string {
	const (
		person       = "it is a person's: each exports their own by POST /api/auth/me/export"
		secret       = "it is a secret of this installation"
		machinery    = "it is the machinery of one installation"
		connection   = "it connects one installation to others, with secrets: it is set up anew"
		derived      = "it is computed from what travels"
		installation = "it is about the installation"
	)
	return map[string]string{
		"users": person, "notification_preferences": person, "notification_choices": person, "notification_messages": person, "notifications": person,
		"push_subscriptions": person, "user_identities": person, "secret_mails": secret, "mail_suppressions": installation,
		"sessions": secret, "refresh_tokens": secret, "account_tokens": secret, "totp_secrets": secret, "recovery_codes": secret, "personal_tokens": secret,
		"oidc_requests": secret, "login_failures": machinery, "account_mails": machinery, "idempotency_keys": machinery,
		"invitations": "it is an open door of one installation: people are invited anew",
		"boat_grants": "it is the access of people of one installation: it is given anew",
		"audit_log":   "what happened stays where it happened: GET /api/audit exports it",
		"erasures":    "what was erased here is erased where it went by whoever keeps it there",
		"events":      "they were told where they happened", "event_streams": machinery, "job_status": machinery,
		"blobs": derived, "blob_refs": derived, "blob_leases": machinery, "backups": installation,
		"search_entries": derived, "search_words": derived, "warranty_thresholds": "they are armed anew, and what is past is told to nobody",
		"webhooks": connection, "webhook_messages": connection, "webhook_deliveries": connection, "home_assistant_config": connection, "home_assistant_devices": connection, "feeds": secret,
		"mls_connections": connection, "mls_listings": connection, "mls_sync": connection,
		"notification_templates": "it is how one installation speaks to its people",
		"sale_choices":           "it is decided for a package, and an open sale begins anew",
		"sale_packages":          "a package is bound to the keys and links of one installation",
		"sale_approvals":         "they are about a package of one installation, and an open sale begins anew",
		"sale_receipts":          "they are about a package of one installation: GET /api/sales/{id}/receipts has them as PDF",
		"sale_links":             secret, "sale_tokens": secret, "sale_downloads": secret, "sale_reminders": "they are armed anew with the date of the transfer",
		"signing_keys": secret,
		"imports":      "it says how rows came to one installation", "imported_ids": "it says how rows came to one installation",
		"exports": "it is what is being made",
	}
}
