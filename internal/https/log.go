package https

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"go.uber.org/zap/zapcore"
)

// core writes what certmagic logs, which speaks zap, to our own log.
type core struct{ to slog.Handler }

var levels = map[zapcore.Level]slog.Level{
	zapcore.DebugLevel: slog.LevelDebug, zapcore.InfoLevel: slog.LevelInfo, zapcore.WarnLevel: slog.LevelWarn,
}

func levelOf(l zapcore.Level) slog.Level {
	if level, known := levels[l]; known {
		return level
	}
	return slog.LevelError
}

// Enabled implements zapcore.LevelEnabler.
func (c core) Enabled(l zapcore.Level) bool {
	return c.to.Enabled(context.Background(), levelOf(l)) //nolint:forbidigo // zap knows no contexts
}

// With implements zapcore.Core.
func (c core) With(fields []zapcore.Field) zapcore.Core { return core{c.to.WithAttrs(attrs(fields))} }

// Check implements zapcore.Core.
func (c core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write implements zapcore.Core.
func (c core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, levelOf(e.Level), "certificate: "+e.Message, 0)
	r.AddAttrs(attrs(fields)...)
	return c.to.Handle(context.Background(), r) //nolint:forbidigo // zap knows no contexts
}

// Sync implements zapcore.Core.
func (core) Sync() error { return nil }

func attrs(fields []zapcore.Field) (out []slog.Attr) {
	all := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(all)
	}
	for _, name := range slices.Sorted(maps.Keys(all.Fields)) {
		out = append(out, slog.Any(name, all.Fields[name]))
	}
	return out
}
