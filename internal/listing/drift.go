package listing

// Difference is one thing that two places say differently of a boat.
type Difference struct {
	Field  string `json:"field" doc:"as in the field map: listing.price"`
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
}

// Compare says where what a portal shows differs from what we say. What either does
// not know is no difference, except photos. Numbers may differ by what a portal's
// units lose (0.5 %, a length at least by 1 cm), words by case and spaces.
func Compare(ours, theirs Advert) []Difference { return nil }
