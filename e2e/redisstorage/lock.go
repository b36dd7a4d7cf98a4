package redisstorage

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lock is a key that expires. Its value begins with the holder's process ID, so
// that a test can find out whom to kill.

const (
	lockLife  = 3 * time.Second
	lockRenew = time.Second
	lockPoll  = 100 * time.Millisecond
)

// lease is a lock that this process holds.
type lease struct {
	token string
	stop  context.CancelFunc
	ended chan struct{} // nobody renews it any more
}

// Lock waits for a lock and takes it.
func (s *store) Lock(ctx context.Context, name string) error {
	token := fmt.Sprintf("%d %s", os.Getpid(), rand.Text())
	for {
		took, err := s.client.SetNX(ctx, lockKey+name, token, lockLife).Result()
		if err != nil {
			return wrap(ctx, "locking", name, err)
		}
		if took {
			break
		}
		select {
		case <-ctx.Done():
			return wrap(ctx, "locking", name, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
	renewal, stop := context.WithCancel(context.Background())
	l := &lease{token: token, stop: stop, ended: make(chan struct{})}
	s.mu.Lock()
	s.held[name] = l
	s.mu.Unlock()
	go s.renew(renewal, name, l)
	return nil
}

// ifHeld does one thing with a lock if its holder has not changed.
func ifHeld(then string) *redis.Script {
	return redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call(` + then + `) end return 0`)
}

var (
	renewal = ifHeld(`'PEXPIRE', KEYS[1], ARGV[2]`)
	release = ifHeld(`'DEL', KEYS[1]`)
)

// renew keeps a lock until it is released.
func (s *store) renew(ctx context.Context, name string, l *lease) {
	defer close(l.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lockRenew):
			// A failure is not the end: the next try may be in time.
			_ = renewal.Run(ctx, s.client, []string{lockKey + name}, l.token, lockLife.Milliseconds()).Err()
		}
	}
}

// Unlock releases a lock. One that has expired is released already.
func (s *store) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	l := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if l == nil {
		return fmt.Errorf("unlocking %s: it is not locked", name)
	}
	l.stop()
	<-l.ended
	return wrap(ctx, "unlocking", name, release.Run(ctx, s.client, []string{lockKey + name}, l.token).Err())
}
