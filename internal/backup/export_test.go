package backup

// PlanOf is the rule of Prune.
func PlanOf(k Keep, entries []Entry) (stay, leave []Entry) { return k.plan(entries, nil) }

// ReadKeys are the keys that a backup holds.
var ReadKeys = readKeys
