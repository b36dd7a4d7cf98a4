package flight_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/flight"
)

const (
	abandon = 3 * time.Second
	keep    = 10 * time.Second
)

func TestRequestsForTheSameKeyShareOnePieceOfWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](abandon, keep)
		var began atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) {
					time.Sleep(time.Second)
					return int(began.Add(1)), true
				})
				if !ok || value != 1 {
					t.Errorf("got %d, %v", value, ok)
				}
			})
		}
		all.Wait()
		if value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) { return 0, true }); !ok || value != 1 {
			t.Errorf("at once: %d, %v", value, ok)
		}
		time.Sleep(keep + time.Second)
		if value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) { return int(began.Add(1)), true }); !ok || value != 2 {
			t.Errorf("afterwards: %d, %v", value, ok)
		}
		if value, ok := g.Do(t.Context(), "other", func(context.Context) (int, bool) { return 7, true }); !ok || value != 7 {
			t.Errorf("another key: %d, %v", value, ok)
		}
	})
}

// gone asks with a context that ends after a while, and returns when Do has.
func gone(t *testing.T, g *flight.Group[string, int], after time.Duration, work func(context.Context) (int, bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	if _, ok := g.Do(ctx, "key", work); ok {
		t.Error("a request that went away got the value")
	}
}

func TestWorkGoesOnForARequestThatComesSoonAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](abandon, keep)
		gone(t, g, time.Second, func(ctx context.Context) (int, bool) {
			time.Sleep(5 * time.Second)
			if ctx.Err() != nil {
				t.Error("the work was cancelled")
			}
			return 1, true
		})
		time.Sleep(2 * time.Second)
		if value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) { return 2, true }); !ok || value != 1 {
			t.Errorf("got %d, %v", value, ok)
		}
	})
}

func TestWorkThatNobodyWaitsForIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](abandon, keep)
		began, cancelled := time.Now(), make(chan time.Duration, 1)
		gone(t, g, time.Second, func(ctx context.Context) (int, bool) {
			<-ctx.Done()
			cancelled <- time.Since(began)
			return 0, true
		})
		if after := <-cancelled; after != time.Second+abandon {
			t.Errorf("cancelled after %s", after)
		}
	})
}

func TestAValueIsKeptForAWhile(t *testing.T) {
	for wait, want := range map[time.Duration]int{keep - time.Second: 1, keep + time.Second: 2} {
		synctest.Test(t, func(t *testing.T) {
			g := flight.New[string, int](abandon, keep)
			gone(t, g, time.Second, func(context.Context) (int, bool) { time.Sleep(2 * time.Second); return 1, true })
			time.Sleep(time.Second + wait)
			if value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) { return 2, true }); !ok || value != want {
				t.Errorf("after %s: %d, %v", wait, value, ok)
			}
		})
	}
}

func TestWorkThatWasCancelledLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](abandon, keep)
		gone(t, g, time.Second, func(ctx context.Context) (int, bool) { <-ctx.Done(); return 1, true })
		time.Sleep(abandon + time.Second)
		if value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) { return 2, true }); !ok || value != 2 {
			t.Errorf("afterwards: %d, %v", value, ok)
		}
	})
}

// Somebody who comes and goes again gives the work the whole time anew.
func TestEachOneWhoLeavesGivesTheWorkTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](abandon, keep)
		began, cancelled := time.Now(), make(chan time.Duration, 1)
		work := func(ctx context.Context) (int, bool) { <-ctx.Done(); cancelled <- time.Since(began); return 0, true }
		gone(t, g, time.Second, work)
		time.Sleep(abandon - time.Second)
		gone(t, g, 2*time.Second, work)
		if after := <-cancelled; after != time.Second+abandon-time.Second+2*time.Second+abandon {
			t.Errorf("cancelled after %s", after)
		}
	})
}

func TestAValueThatIsNotToBeKeptIsForThoseWhoWaitAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](abandon, keep)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				if value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) { time.Sleep(time.Second); return 1, false }); !ok || value != 1 {
					t.Errorf("got %d, %v", value, ok)
				}
			})
		}
		all.Wait()
		if value, ok := g.Do(t.Context(), "key", func(context.Context) (int, bool) { return 2, true }); !ok || value != 2 {
			t.Errorf("afterwards: %d, %v", value, ok)
		}
	})
}

// A visitor may try again as soon as they have the answer.
func TestAValueThatIsNotKeptIsGoneWithTheFirstAnswer(t *testing.T) {
	g := flight.New[int, int](time.Minute, time.Minute)
	for i := range 10_000 {
		got, ok := g.Do(t.Context(), 1, func(context.Context) (int, bool) { return i, false })
		if !ok || got != i {
			t.Fatalf("the call %d got the value %d", i, got)
		}
	}
}
