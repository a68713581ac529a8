package kv

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"navidocs/internal/fault"
)

var _ Store = (*Redis)(nil)

// Redis is the store of several processes. It needs no Redis to start or to go
// on: without one, limits are counted per process and wake-ups stay inside.
type Redis struct {
	hub
	client  *redis.Client
	channel string // one for all topics, so that a process needs one subscription
	pubsub  *redis.PubSub
	alone   *Memory // counts while the server is away
	retryAt atomic.Int64
	now     func() time.Time
	pump    sync.WaitGroup
}

const (
	// redisPatience is how long a request waits for a limit to be counted.
	redisPatience = time.Second
	// redisPause is how long a server that did not answer is left alone, so
	// that not every request waits for it.
	redisPause = time.Second
)

// allowScript is Limit.count on the server. The time comes from the process,
// as it does for Memory; processes whose clocks differ by a second differ by
// one second in what they allow.
var allowScript = redis.NewScript(`
local now, interval, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
if tat < now or tat > now + span then tat = now end
if tat + interval > now + span then return {0, tat - now} end
tat = tat + interval
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
return {1, tat - now}`)

// quiet stops the client library from printing to the standard error whenever
// a server is away; Ping reports that.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// NewRedis makes a store on the server at redis://, rediss:// or unix://. It
// does not wait for the server. Close ends it.
func NewRedis(address string, now func() time.Time) (*Redis, error) {
	options, err := redis.ParseURL(address)
	if err != nil { // the cause would repeat the password
		return nil, fault.New(fault.Invalid, "REDIS_URL cannot be read; write redis://user:password@host:6379/0")
	}
	options.DialTimeout = time.Second
	options.MaxRetries = -1
	options.ContextTimeoutEnabled = true
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	quiet()
	r := &Redis{
		client:  redis.NewClient(options),
		channel: fmt.Sprintf("navidocs:%d:wake", options.DB),
		alone:   NewMemory(now),
		now:     now,
	}
	//nolint:forbidigo // the subscription lives until Close
	r.pubsub = r.client.Subscribe(context.Background(), r.channel)
	r.pump.Go(r.run)
	return r, nil
}

// Close ends the store; subscribers are woken no more.
func (r *Redis) Close() error {
	err := r.pubsub.Close()
	r.pump.Wait()
	if cerr := r.client.Close(); err == nil {
		err = cerr
	}
	return err
}

// run hands what other processes published to the subscribers of this one. A
// new subscription means that publications may have been missed meanwhile.
func (r *Redis) run() {
	for message := range r.pubsub.ChannelWithSubscriptions() {
		switch m := message.(type) {
		case *redis.Message:
			r.wake(m.Payload)
		case *redis.Subscription:
			r.wakeAll()
		}
	}
}

// Allow implements Store.
func (r *Redis) Allow(ctx context.Context, key string, limit Limit) (_ Decision, err error) {
	defer fault.Wrap(&err, "kv.Redis.Allow")
	if err := limit.check(); err != nil {
		return Decision{}, err
	}
	now := r.now().UnixMicro()
	if now < r.retryAt.Load() {
		return r.alone.Allow(ctx, key, limit)
	}
	waiting, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	answer, err := allowScript.Run(waiting, r.client, []string{"navidocs:limit:" + key}, now, limit.interval(), limit.span()).Int64Slice()
	switch {
	case ctx.Err() != nil:
		return Decision{}, ctx.Err()
	case err != nil || len(answer) != 2:
		r.retryAt.Store(now + redisPause.Microseconds())
		return r.alone.Allow(ctx, key, limit)
	}
	return limit.decide(answer[0] == 1, answer[1]), nil
}

// Publish implements Store.
func (r *Redis) Publish(ctx context.Context, topic string) error {
	r.wake(topic)
	if err := r.client.Publish(ctx, r.channel, topic).Err(); err != nil {
		return fault.Because(err, fault.Unavailable, "Redis does not answer")
	}
	return nil
}

// Subscribe implements Store.
func (r *Redis) Subscribe(ctx context.Context, topic string) <-chan struct{} {
	return r.listen(ctx, topic)
}

// Ping implements Store.
func (r *Redis) Ping(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return fault.Because(err, fault.Unavailable, "Redis does not answer")
	}
	return nil
}
