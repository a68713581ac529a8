package sale

import (
	"bytes"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

func TestAReceiptIsKeptFromErasing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		_, token := b.transferred(Transfer{})
		h, err := b.Handover(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", " \n ", strings.Repeat("x", 201)} {
			_, err := b.Receive(ctx, account.Actor{}, h, name, "de")
			wantKind(t, err, fault.Invalid)
		}
		r, err := b.Receive(ctx, account.Actor{Address: "192.0.2.7"}, h, " Bo  Søndergaard ", "de")
		if err != nil || r.Name != "Bo Søndergaard" || r.Language != "de" || r.Email != "bo@example.org" || r.Bytes != 1000 {
			t.Fatalf("%+v, %v", r, err)
		}
		pdf, err := r.PDF()
		if err != nil || !bytes.Contains(pdf, []byte("/Lang (de)")) {
			t.Errorf("%d bytes, %v", len(pdf), err)
		}
		if all := b.data("sale.accepted"); len(all) != 1 || all[0].PackageSHA256 != h.Package.SHA256 {
			t.Errorf("%+v", all)
		}
		_, err = b.Receipts(ctx, b.eve, r.SaleID)
		wantKind(t, err, fault.NotFound)
		if _, err := b.Cancel(ctx, b.ada, r.SaleID, "", ""); err != nil {
			t.Fatal(err)
		}
		b.accounts.HoldPersonal(People{})
		out, err := b.accounts.ErasePerson(ctx, b.ada, b.boat.OrgID, "bo@example.org", false)
		if err != nil {
			t.Fatal(err)
		}
		kept := false
		for _, o := range out.Outcomes {
			kept = kept || o.Kind == "sale_receipt" && !o.Erased && strings.Contains(o.Why, "7 years")
		}
		if all, err := b.Receipts(ctx, b.ada, r.SaleID); !kept || err != nil || len(all) != 1 || all[0].Name != "Bo Søndergaard" {
			t.Errorf("%+v, %+v, %v", out, all, err)
		}
		people, err := b.accounts.ExportPerson(ctx, b.ada, b.boat.OrgID, "bo@example.org")
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, x := range people.Holdings {
			found = found || x.Kind == "sale_receipt"
		}
		if !found {
			t.Errorf("%+v", people)
		}
	})
}
