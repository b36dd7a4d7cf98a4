package revocation

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

const (
	// operationTimeout bounds one operation, fullTimeout the listing of everything.
	operationTimeout = 2 * time.Second // [F1]
	fullTimeout      = 30 * time.Second

	// operationsAtATime bounds what a hanging storage can hold.
	operationsAtATime = 32
)

// Remedy tells an operator what to do about a storage that fails.
const Remedy = "check Caddy's storage: its disk space, its permissions, its limit of open files, or the server that it is on; " +
	"what is queued is written once the storage works, also after a restart"

var errBusy = errors.New("too many operations are in progress")

// gatekeeper lets a fixed number of operations run. A storage may ignore its
// context, as files on a disk that hangs do: such an operation is left behind and
// keeps its place, so that their number is bounded.
type gatekeeper struct {
	places chan struct{}
	of     string // what it stands before, for the operator
}

func storageGate() gatekeeper {
	return gatekeeper{make(chan struct{}, operationsAtATime), "the storage"}
}

func localGate() gatekeeper {
	return gatekeeper{make(chan struct{}, operationsAtATime), "the disk of the local copy"}
}

// drain waits until no operation is under way, those that were left behind included,
// but no longer than for one that hangs. No new operation can start by then.
func (g gatekeeper) drain() {
	timer := time.NewTimer(operationTimeout)
	defer timer.Stop()
	for range cap(g.places) {
		select {
		case g.places <- struct{}{}:
		case <-timer.C:
			return
		}
	}
}

// load and put read and write one value of a member's storage.
func (l *List) load(ctx context.Context, m *Member, key string) ([]byte, error) {
	return attempt(ctx, l.storage, operationTimeout, func(ctx context.Context) ([]byte, error) {
		return m.Storage.Load(ctx, key)
	})
}

func (l *List) put(ctx context.Context, m *Member, key string, value []byte) error {
	return perform(ctx, l.storage, operationTimeout, func(ctx context.Context) error {
		return m.Storage.Store(ctx, key, value)
	})
}

// putSealed writes a number that is bound to its key, and openNumber reads it.
func (l *List) putSealed(ctx context.Context, m *Member, key string, number int64) error {
	value, err := m.Sealer.Seal(binary.BigEndian.AppendUint64(nil, uint64(number)), []byte(key))
	if err != nil {
		return err
	}
	return l.put(ctx, m, key, value)
}

func openNumber(value []byte, key string, sealers []Sealer) (number int64, ok bool) {
	for _, s := range sealers {
		if plaintext, err := s.Open(value, []byte(key)); err == nil && len(plaintext) == 8 {
			return int64(binary.BigEndian.Uint64(plaintext)), true
		}
	}
	return 0, false
}

// perform is attempt for an operation that has no result.
func perform(ctx context.Context, g gatekeeper, timeout time.Duration, operation func(context.Context) error) error {
	_, err := attempt(ctx, g, timeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, operation(ctx) })
	return err
}

// attempt runs one operation for at most timeout. A panic of the storage is an error.
func attempt[T any](ctx context.Context, g gatekeeper, timeout time.Duration, operation func(context.Context) (T, error)) (result T, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return result, fmt.Errorf("%s: %w", g.of, errBusy)
	}
	type outcome struct {
		result T
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if cause := recover(); cause != nil {
				o.err = fmt.Errorf("%s panicked: %T", g.of, cause)
			}
			<-g.places
			ended <- o
		}()
		o.result, o.err = operation(ctx)
	}()
	defer cancel()
	select {
	case o := <-ended:
		return o.result, o.err
	case <-ctx.Done():
		return result, fmt.Errorf("%s did not answer: %w", g.of, context.Cause(ctx))
	}
}
