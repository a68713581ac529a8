package fleet

import "testing"

func TestSystems(t *testing.T) {
	t.Parallel()
	systems := Systems()
	if len(systems) != 37 {
		t.Errorf("%d systems", len(systems))
	}
	last := ""
	for _, s := range systems {
		if len(s.Code) != 3 || s.Code <= last || s.Name == "" {
			t.Errorf("%+v after %s", s, last)
		}
		last = s.Code
	}
}
