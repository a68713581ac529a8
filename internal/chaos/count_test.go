package chaos

import (
	"testing"
	"time"
)

// The count sees what it is there to see.
func TestMatchFindsWhatIsMissingDoubledAndWithoutCause(t *testing.T) {
	t.Parallel()
	r := Report{}
	r.match(counted([]int{1, 2, 3, 4}), counted([]int{1, 2, 2, 2, 9}))
	if r.Lost != 2 || r.Twice != 1 || r.Ghosts != 1 {
		t.Errorf("lost %d, twice %d, ghosts %d", r.Lost, r.Twice, r.Ghosts)
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	good := Report{Kills: 2, InHand: 3, Repeated: 3, Bound: time.Second, Recoveries: []time.Duration{1, time.Second}}
	if !good.Kept() {
		t.Error("nothing was broken")
	}
	for name, breaks := range map[string]func(r *Report){
		"lost":     func(r *Report) { r.Lost++ },
		"ghosts":   func(r *Report) { r.Ghosts++ },
		"twice":    func(r *Report) { r.Twice++ },
		"gaps":     func(r *Report) { r.Gaps++ },
		"dead":     func(r *Report) { r.Dead++ },
		"varied":   func(r *Report) { r.Varied++ },
		"foreign":  func(r *Report) { r.Foreign++ },
		"repeated": func(r *Report) { r.Repeated++ },
		"late":     func(r *Report) { r.Bound-- },
		"damage":   func(r *Report) { r.Damage = []string{"page 3 is broken"} },
	} {
		if r := good; func() bool { breaks(&r); return r.Kept() }() {
			t.Errorf("%s: kept", name)
		}
	}
}

// What a node says is heard line by line.
func TestHear(t *testing.T) {
	t.Parallel()
	var s said
	for _, line := range []string{"+12", "-13"} {
		if err := s.hear(line); err != nil {
			t.Error(err)
		}
	}
	if !s.committed[12] || !s.takenBack[13] || len(s.committed)+len(s.takenBack) != 2 {
		t.Errorf("%v, %v", s.committed, s.takenBack)
	}
	for _, line := range []string{"", "+", "12a"} {
		if s.hear(line) == nil {
			t.Errorf("%q was taken", line)
		}
	}
}
