package warranty

import (
	"navidocs/internal/fleet"
)

// ReminderData is the payload of warranty.expiring and warranty.expired.
type ReminderData struct {
	Data

	BoatName      string             `json:"boat_name"`
	EquipmentID   *fleet.EquipmentID `json:"equipment_id"`
	EquipmentName string             `json:"equipment_name"`
	LineID        string             `json:"line_id" doc:"of the part that ends; empty for the whole warranty"`
	Coverage      string             `json:"coverage" doc:"the part that ends, such as paint; empty for the whole warranty"`
	Threshold     int                `json:"threshold_days" enum:"90,30,14,0" doc:"so many days before the end; 0 is the first day without cover"`
	DueOn         fleet.Date         `json:"due_on" format:"date" doc:"the day on which the threshold was reached"`
}
