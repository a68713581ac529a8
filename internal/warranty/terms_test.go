package warranty

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTerms(t *testing.T) {
	t.Parallel()
	terms := Terms()
	if len(terms) != 32 {
		t.Errorf("%d terms", len(terms))
	}
	kinds := map[string]bool{}
	for _, p := range kindPhrases() {
		kinds[p.kind] = true
	}
	slug, seen := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), map[string]bool{}
	for _, term := range terms {
		if !slug.MatchString(term.ID) || seen[term.ID] || term.Maker == "" || term.Coverage == "" || term.Source == "" || term.Months < 0 {
			t.Errorf("%+v", term)
		}
		seen[term.ID] = true
		for _, k := range term.kinds {
			if !kinds[k] {
				t.Errorf("%s: no item is ever of the kind %s", term.ID, k)
			}
		}
		if (term.Maker == "typical") != term.typical() {
			t.Errorf("%s: %v", term.ID, term.makers)
		}
		for _, cell := range []string{term.Starts, term.Registration, term.Source} {
			if cell == "as above" || regexp.MustCompile(`\b(S\d+|K)\b`).MatchString(cell) {
				t.Errorf("%s: %q", term.ID, cell)
			}
		}
	}
	if systems := kindsBySystem(); len(systems) != 37 {
		t.Errorf("item_kinds.csv names a system that there is not: %v", slices.Sorted(maps.Keys(systems)))
	}
	terms[0].Maker = "changed"
	if Terms()[0].Maker != "Jeanneau" {
		t.Error("a caller changed the table")
	}
}

func termOf(t *testing.T, id string) Term {
	t.Helper()
	i := slices.IndexFunc(Terms(), func(term Term) bool { return term.ID == id })
	if i < 0 {
		t.Fatal(id)
	}
	return Terms()[i]
}

func TestWhatATermSays(t *testing.T) {
	t.Parallel()
	got := termOf(t, "jeanneau-2006-era-terms-boat-structure-motor-boat-or-multihull")
	want := Term{
		ID: got.ID, Product: "Boat", Maker: "Jeanneau", Coverage: "structure motor boat or multihull", Months: 36, Edition: "2006-era terms",
		Starts:       "first commissioning and at the latest 31 Aug of the model year",
		Registration: "delivery certificate + warranty coupon to builder",
		Conditions:   "gelcoat cracks and fading excluded", Source: "Jeanneau Sun Fast 32i and Prestige 30 manuals",
		makers: got.makers, needs: got.needs, kinds: got.kinds,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Term{})); diff != "" {
		t.Error(diff)
	}
	hours := map[string]float64{}
	invoice := map[string]int{}
	editions := map[string]int{}
	for _, term := range Terms() {
		if term.HoursLimit != nil {
			hours[term.ID] = *term.HoursLimit
		}
		if term.MonthsAfterInvoice > 0 {
			invoice[term.ID] = term.MonthsAfterInvoice
		}
		editions[term.Edition]++
	}
	for _, diff := range []string{
		cmp.Diff(map[string]float64{
			"yanmar-inboard-diesel-emission-system-us": 2000, "yanmar-inboard-diesel-limited": 1000, "volvo-penta-standby-genset-limited": 1000,
		}, hours),
		cmp.Diff(map[string]int{"victron-energy-power-limited": 66, "victron-lead-acid-battery-limited": 30}, invoice),
		cmp.Diff(map[string]int{
			"": 22, "2006-era terms": 3, "older terms": 1, "MY2010": 2, "2008 scheme": 1, "from 1 Jul 2017": 2, "2010-era": 1,
		}, editions),
	} {
		if diff != "" {
			t.Error(diff)
		}
	}
	osmosis := termOf(t, "typical-boat-blister-osmosis").Source
	if !strings.HasSuffix(osmosis, "; common knowledge of the trade, unconfirmed") || !strings.HasPrefix(osmosis, "on boat warranties") {
		t.Error(osmosis)
	}
}

// What is proposed, by maker and coverage.
const (
	jeanneau  = "Jeanneau parts and labour, Jeanneau hull/deck/keel structure sailing monohull, Jeanneau structure motor boat or multihull"
	anyHull   = "typical hull structure, typical blister / osmosis"
	mercury   = "Mercury EMEA extended 5-year, Mercury limited, Mercury Gold and Platinum protection plan service contract"
	yanmar    = "Yanmar emission system (US), Yanmar limited"
	raymarine = "Raymarine standard, Raymarine extended"
	anyPump   = "typical limited"
	japanese  = "Yamaha / Suzuki / Honda limited"
	navico    = "Navico Simrad / B&G / HDS limited"
)

func TestPropose(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		item, want string // maker; model; words
	}{
		// Engines: how it is fitted is never mixed up.
		{"Yanmar; 4JH57; main engine", yanmar},
		{"; ; Yanmar 4JH57 main engine", yanmar},
		{"YANMAR; 3YM30; ", yanmar},
		{"Yanmar; 4JH57; Hauptmotor; 200", yanmar},
		{"Yanmar; D27; outboard", ""},
		{"Yanmar; ; diesel outboard", ""},
		{"VOLVO PENTA; D2-55; Motor", "Volvo Penta limited"},
		{"Volvo; D2-55; moteur", "Volvo Penta limited"},
		{"Volvo Penta; ; saildrive; 210", "Volvo Penta limited"},
		{"Volvo Penta; ; diesel generator; 300", "Volvo Penta standby limited"},
		{"Volvo Penta; ; groupe électrogène", "Volvo Penta standby limited"},
		{"Volvo Penta; D2-55; ", ""}, // an engine, or a genset?
		{"Volvo Penta; D2-55; ; 200", "Volvo Penta limited"},
		{"MTU; 8V 2000; main engine; 200", "MTU (example) extended service policy"},
		{"Mercury; Verado 300; outboard", mercury},
		{"; ; Mercury Verado 300 outboard", mercury},
		{"Mercury; 300; ", mercury},
		{"Mercury; V12; Außenborder", mercury},
		{"Mercury; TDI 4.2; inboard diesel", "Mercury Gold and Platinum protection plan service contract"},
		{"Mercury; 8.2; MerCruiser inboard/outboard", "Mercury Gold and Platinum protection plan service contract"},
		{"Mercury; ; engine; 210", "Mercury Gold and Platinum protection plan service contract"},
		{"; ; Mercury Platinum protection plan; outboard", "Mercury Gold and Platinum protection plan service contract, Mercury EMEA extended 5-year, Mercury limited"},
		{"Yamaha; F150; hors-bord", japanese},
		{"Suzuki; DF140; fuoribordo", japanese},
		{"Honda; BF50; fueraborda; 900", japanese},
		{"Honda; EU22i; generator; 300", ""},
		{"Yamaha; ; inboard engine", ""},
		// Electronics and power.
		{"Raymarine; Axiom 12; chartplotter", raymarine},
		{"; ; Raymarine Axiom 12", raymarine},
		{"Raymarine; Evolution; pilote automatique; 500", raymarine},
		{"Furuno; DRS4D; Radar", "Furuno USA parts and labour"},
		{"B&G; Zeus 3; Kartenplotter", navico},
		{"Lowrance; HDS-12; fishfinder", navico},
		{"Garmin; GPSMAP 1222; plotter", ""},
		{"Garmin; Force; trolling motor", "Garmin trolling motor limited"},
		{"Garmin; Fusion RA770; stereo", "Garmin Fusion audio (Americas) limited"},
		{"Victron; MultiPlus; ", "Victron Energy limited"},
		{"Victron Energy; Blue Smart; battery charger; 310", "Victron Energy limited"},
		{"Victron; SmartSolar MPPT 100/30; ; 340", "Victron Energy limited"},
		{"Victron; ; Lithium battery", "Victron lithium limited"},
		{"Victron; ; batería de litio", "Victron lithium limited"},
		{"Victron; ; AGM battery 165 Ah", "Victron lead-acid limited"},
		{"Victron; ; battery", ""}, // of which kind?
		{"Mastervolt; ; lithium battery", ""},
		// Boats.
		{"; ; Jeanneau Sun Odyssey hull", jeanneau + ", " + anyHull},
		{"Jeanneau; Sun Odyssey 440; ", jeanneau + ", " + anyHull},
		{"Jeanneau; Merry Fisher; motor boat", jeanneau + ", " + anyHull},
		{"Jeanneau; ; coque", jeanneau + ", " + anyHull},
		{"Lagoon; 42; catamaran", "Lagoon parts and labour, " + anyHull},
		{"Silver Ships; ; structure", "Silver Ships aluminium installation, Silver Ships aluminium structure, " + anyHull},
		{"Yamarin; 63; boat", "Yamarin (form contract) to be filled in, " + anyHull},
		{"Sunseeker; ; Rumpf", anyHull},
		// What is said in passing decides nothing.
		{"Raymarine; ; radar; on the boat; for Jeanneau Sun Odyssey", raymarine},
		{"Jabsco; ; engine room bilge pump; 420", anyPump},
		{"Lewmar; ; windlass motor; 510", anyPump},
		{"Vetus; ; Bugstrahlruder", anyPump},
		{"North; ; mainsail", "typical workmanship"},
		{"Zodiac; ; Schlauchboot", "typical fabric"},
		// Nothing is known.
		{"Acme; X; ", ""},
		{"Acme; X; toilet; 410", ""},
		{"Honda; ; cushion; 910", ""},
		{"; ; ", ""},
		{"typical; typical; typical", ""},
	} {
		in := strings.Split(test.item, ";")
		for i := range in {
			in[i] = strings.TrimSpace(in[i])
		}
		var got []string
		for _, term := range Propose(in[0], in[1], in[2:]...) {
			got = append(got, term.Maker+" "+term.Coverage)
		}
		if s := strings.Join(got, ", "); s != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.item, s, test.want)
		}
	}
}

// Whatever is asked, what is proposed names a maker whom the question names, or
// nobody, and what is typical comes last.
func TestProposalsAreOfTheMakerAskedFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.SampledFrom(itemWords()), rapid.String())
		text := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, "words"), rapid.SampledFrom([]string{" ", "-", " / "}).Draw(t, "between"))
		})
		maker, model, words := text.Draw(t, "maker"), text.Draw(t, "model"), rapid.SliceOfN(text, 0, 4).Draw(t, "more")
		got := Propose(maker, model, words...)
		asked := foldedWords(maker + " " + model + " " + strings.Join(words, " "))
		seenTypical := false
		for _, term := range got {
			if seenTypical = seenTypical || term.typical(); seenTypical != term.typical() {
				t.Fatalf("%s after what is typical", term.ID)
			}
			if !term.typical() && !hasPhrase(asked, term.makers) {
				t.Fatalf("%s for %q", term.ID, asked)
			}
		}
		if diff := cmp.Diff(got, Propose(maker, model, words...), cmp.AllowUnexported(Term{})); got == nil || diff != "" {
			t.Fatal(diff)
		}
	})
}

// An outboard gets no terms of inboards and the other way round, in whatever
// company the word stands.
func TestOutboardsAreNoInboards(t *testing.T) {
	t.Parallel()
	makers := []string{"Mercury", "Yamaha", "Suzuki", "Honda", "Yanmar", "Volvo Penta", "MTU"}
	company := []string{"engine", "motor", "moteur", "port", "300", "hp", "four-stroke", "boat", "starboard", "2019"}
	rapid.Check(t, func(t *rapid.T) {
		maker := rapid.SampledFrom(makers).Draw(t, "maker")
		fitted := rapid.SampledFrom([]string{"outboard", "hors-bord", "Außenbordmotor", "fuoribordo", "fueraborda", "inboard", "Innenborder", "diesel", "entrobordo"}).Draw(t, "fitted")
		other := rapid.SliceOfN(rapid.SampledFrom(company), 0, 4).Draw(t, "other")
		words := rapid.Permutation(append(other, fitted)).Draw(t, "words")
		inboard := slices.Contains([]string{"inboard", "Innenborder", "diesel", "entrobordo"}, fitted)
		for _, term := range Propose(maker, "", strings.Join(words, " ")) {
			if want := map[bool]string{true: "inboard", false: "outboard"}[inboard]; !slices.Contains(term.kinds, want) {
				t.Fatalf("%s for %q", term.ID, words)
			}
		}
	})
}

// itemWords is the vocabulary of both tables, as people would type it.
func itemWords() []string {
	words := []string{"200", "300", "310", "900", "410", "boat", "&"}
	for _, term := range Terms() {
		words = append(words, term.Maker, term.Product)
	}
	for _, p := range kindPhrases() {
		words = append(words, strings.ReplaceAll(strings.Join(p.words, " "), "*", ""))
	}
	return words
}
