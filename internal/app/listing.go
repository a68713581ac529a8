package app

import (
	"context"
	"io"
	"time"

	"navidocs/internal/egress"
	"navidocs/internal/listing"
	"navidocs/internal/listing/boatsgroup"
	"navidocs/internal/listing/openmarine"
	"navidocs/internal/listing/star"
)

const (
	// portalBody is the longest answer of a portal: a page of listings with their texts.
	portalBody = 16 << 20
	// portalTimeout is the longest wait for one.
	portalTimeout = 30 * time.Second
)

// newListings builds the listings with the formats of the portals.
func (a *App) newListings() error {
	c := a.options.Config
	client, err := egress.New(egress.Options{Allow: c.Webhook.EgressAllow, Timeout: portalTimeout, MaxBody: portalBody})
	if err != nil {
		return err
	}
	a.Listings = listing.New(a.DB, listing.Rooms{Accounts: a.Accounts, Boats: a.Boats, Documents: a.Documents, Events: a.Events, Jobs: a.Jobs, Store: a.Store}, client, a.formats(), listing.Config{
		BaseURL: apiURL(c), Log: a.options.Log,
		Keys: map[listing.Kind]listing.Key{
			listing.YachtWorld: {Base: c.Integration.YachtWorldURL, Key: c.Integration.YachtWorldKey},
			listing.BoatTrader: {Base: c.Integration.BoatTraderURL, Key: c.Integration.BoatTraderKey},
		},
	})
	a.Events.Subscribe(a.Listings.Consume)
	return nil
}

func (a *App) formats() listing.Formats {
	return listing.Formats{
		OpenMarine: func(w io.Writer, f listing.Feed) error {
			o := f.Office
			return openmarine.Write(w, openmarine.Feed{
				Code: f.Code, Company: f.Company, Date: f.Date, Language: f.Language, Adverts: f.Adverts,
				Office: openmarine.Office{
					ID: "main", Name: o.Name, Email: o.Email, Address: o.Address, Town: o.Town, County: o.County, Country: o.Country,
					Postcode: o.Postcode, Phone: o.Phone, Website: o.Website,
				},
			})
		},
		Inventory: func(client *egress.Client, kind listing.Kind, base, key string) (listing.Inventory, error) {
			name := map[listing.Kind]string{listing.YachtWorld: "YachtWorld", listing.BoatTrader: "Boat Trader"}[kind]
			portal, err := boatsgroup.New(client, base, key, boatsgroup.Options{Name: name, Log: a.options.Log})
			return inventory{portal}, err
		},
		Partner: func(client *egress.Client, p listing.Partner) (listing.Vendor, error) {
			return star.NewPartner(client, star.Settings{URL: p.URL, User: p.User, Password: p.Password, Token: p.Token}, a.DB.Now)
		},
	}
}

// inventory is a portal of Boats Group as listings read it.
type inventory struct{ *boatsgroup.API }

// Each implements listing.Inventory.
func (i inventory) Each(ctx context.Context, f func(id string, a listing.Advert) error) error {
	return i.Inventory(ctx, func(x boatsgroup.Item) error { return f(x.ID, x.Advert) })
}
