package backup

// Plan is the rule of Prune.
func Plan(k Keep, entries []Entry) (stay, leave []Entry) { return k.plan(entries) }
