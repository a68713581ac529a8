package event

import "time"

// The payloads of the types whose domains append them from above, or will. Those
// of boats, documents and warranties lie in their packages. All are complete in
// themselves: ids and the words that people know things by.

// CertificateData is the payload of certificate.expiring and certificate.expired:
// a document that is no longer valid some day.
type CertificateData struct {
	DocumentID string `json:"document_id"`
	Title      string `json:"title"`
	Type       string `json:"type"`
	Class      string `json:"class" enum:"open,money,personal" doc:"who may see the document"`
	ExpiresOn  string `json:"expires_on" format:"date" doc:"the last day on which it is valid"`
	DaysLeft   int    `json:"days_until_expiration" doc:"negative after the end"`
	Threshold  int    `json:"threshold_days" doc:"so many days before the end; 0 is the first day without"`
	DueOn      string `json:"due_on" format:"date" doc:"the day on which the threshold was reached"`
}

// MaintenanceData is the payload of the maintenance events.
type MaintenanceData struct {
	TaskID        string   `json:"task_id"`
	Title         string   `json:"title"`
	EquipmentID   string   `json:"equipment_id,omitempty"`
	EquipmentName string   `json:"equipment_name,omitempty"`
	DueOn         string   `json:"due_on,omitempty" format:"date"`
	DueHours      *float64 `json:"due_hours,omitempty"`
	// RecordID, DoneOn and DoneHours are those of maintenance.completed.
	RecordID  string   `json:"record_id,omitempty"`
	DoneOn    string   `json:"done_on,omitempty" format:"date"`
	DoneHours *float64 `json:"done_hours,omitempty"`
}

// SaleData is the payload of the sale events. It names no buyer and no price:
// GET /api/sales/{id} tells them to those who may know.
type SaleData struct {
	SaleID        string     `json:"sale_id"`
	Status        string     `json:"status" enum:"initiated,package_generated,transferred,completed,cancelled"`
	TransferDate  string     `json:"transfer_date,omitempty" format:"date"`
	PackageSHA256 string     `json:"package_sha256,omitempty"`
	PackageBytes  int64      `json:"package_bytes,omitempty"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty" doc:"until when the buyer's link works"`
	DownloadsLeft *int       `json:"downloads_left,omitempty"`
	// Threshold is that of sale.due and sale.tasks_due, OpenTasks of the latter.
	Threshold int    `json:"threshold_days,omitempty" doc:"so many days before the planned transfer, or after the completion"`
	OpenTasks int    `json:"open_tasks,omitempty" doc:"after the completion: what is left to do"`
	Reason    string `json:"reason,omitempty" doc:"while the buyer is not reached: why the mail did not arrive"`
}

// ListingData is the payload of the listing events.
type ListingData struct {
	ListingID string `json:"listing_id"`
	Portal    string `json:"portal"`
	Reference string `json:"reference,omitempty" doc:"the portal's own number of the listing"`
	Reason    string `json:"reason,omitempty" doc:"why it failed"`
}

// PortalData is the payload of listing.stopped: a portal as a whole.
type PortalData struct {
	ConnectionID string `json:"connection_id"`
	Portal       string `json:"portal"`
	Reason       string `json:"reason"`
}

// WebhookData is the payload of webhook.disabled. The address goes without its
// path, which may be a secret.
type WebhookData struct {
	WebhookID    string `json:"webhook_id"`
	URL          string `json:"url" doc:"scheme and host"`
	Description  string `json:"description"`
	Status       string `json:"status" enum:"failing,held,disabled"`
	Reason       string `json:"reason"`
	FailureCount int64  `json:"failure_count"`
}

// BackupData is the payload of backup.failed.
type BackupData struct {
	BackupID    string     `json:"backup_id"`
	Kind        string     `json:"kind" enum:"failed,incomplete,drill,late" doc:"incomplete: papers were missing"`
	Error       string     `json:"error"`
	LastSuccess *time.Time `json:"last_success_at"`
}
