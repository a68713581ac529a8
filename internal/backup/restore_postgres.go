package backup

import (
	"context"
	"errors"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// postgres exchanges the database by renaming it and its successor in one
// transaction.
func (r *restore) postgres(ctx context.Context) error {
	dir, done, err := r.work(r.m.Database.Plain)
	if err != nil {
		return err
	}
	defer done()
	c := r.Service.options.Config
	c.Home = dir
	drop, err := r.bringDatabase(ctx, r.m, &c)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			drop()
		}
	}()
	if err := r.weighPostgres(ctx, c.Storage.Database); err != nil || r.options.DryRun {
		return err
	}
	if err := r.prepare(ctx, c.Storage.Database); err != nil {
		return err
	}
	if err := r.smokePostgres(ctx, c.Storage.Database); err != nil {
		return err
	}
	err = r.rename(ctx, c.Storage.Database)
	renamed = err == nil
	return err
}

func (r *restore) weighPostgres(ctx context.Context, prepared string) error {
	live, err := db.Open(ctx, db.Options{URL: r.Service.options.Config.Storage.Database, Now: r.Service.options.Now})
	if err != nil {
		return err
	}
	defer live.Close() //nolint:errcheck // it was only read
	copied, err := db.Open(ctx, db.Options{URL: prepared})
	if err != nil {
		return err
	}
	err = r.consent(ctx, weighed{live: live}, copied)
	if err = errors.Join(err, copied.Close()); err != nil || r.options.DryRun {
		return err
	}
	others, err := db.One(ctx, live, db.Scalar[int], `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> $1`, db.Application())
	if err != nil {
		return err
	}
	if others > 0 {
		return fault.New(fault.Conflict, "%d other connections use the database: stop the server and every other navidocs command, then repeat", others)
	}
	print, err := db.SchemaPrint(ctx, live)
	if r.empty = print == ""; err != nil || r.empty {
		return err
	}
	return r.safety(ctx, live)
}

func (r *restore) smokePostgres(ctx context.Context, prepared string) error {
	home, done, err := r.work(r.m.Database.Plain)
	if err != nil {
		return err
	}
	defer done()
	c := r.drillConfig(home)
	if err := r.furnish(c); err != nil {
		return err
	}
	name := databaseName(prepared) + "_try"
	if err := r.admin(ctx, "CREATE DATABASE "+quoteName(name)+" TEMPLATE "+quoteName(databaseName(prepared))); err != nil {
		return err
	}
	defer r.drop(context.WithoutCancel(ctx), name) //nolint:errcheck // a scratch database
	c.Storage.Database = db.Beside(prepared, name)
	return r.works(ctx, c)
}

func (r *restore) rename(ctx context.Context, prepared string) error {
	name := databaseName(r.Service.options.Config.Storage.Database)
	before := name + "_before_" + strings.ReplaceAll(r.stamp(), "-", "_")
	err := r.admin(ctx, "ALTER DATABASE "+quoteName(name)+" RENAME TO "+quoteName(before),
		"ALTER DATABASE "+quoteName(databaseName(prepared))+" RENAME TO "+quoteName(name))
	if err != nil {
		return fault.Because(err, fault.Conflict, "the database cannot be exchanged: something still uses it, or its user may not rename databases")
	}
	if r.done.Safety == "" && !r.empty {
		r.done.Aside = before
		return nil
	}
	return r.drop(ctx, before)
}
