package instagramauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// countingStorage counts what is asked of it, less the marker, which each look into the
// storage asks for, however many requests come.
type countingStorage struct {
	certmagic.FileStorage
	reads, writes atomic.Int64
}

func (c *countingStorage) Load(ctx context.Context, key string) ([]byte, error) {
	if !strings.HasSuffix(key, "/marker") {
		c.reads.Add(1)
	}
	return c.FileStorage.Load(ctx, key)
}

func (c *countingStorage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	c.reads.Add(1)
	return c.FileStorage.Stat(ctx, key)
}

func (c *countingStorage) Store(ctx context.Context, key string, value []byte) error {
	if !strings.HasSuffix(key, "/marker") {
		c.writes.Add(1)
	}
	return c.FileStorage.Store(ctx, key, value)
}

// flooded returns a handler for a flood and its storage.
func flooded(t *testing.T) (*Handler, *countingStorage) {
	t.Helper()
	storage := &countingStorage{FileStorage: certmagic.FileStorage{Path: t.TempDir()}}
	h := provisionedWith(t, &Handler{AppSecret: []string{benchSecret}}, storage)
	h.telemetry.Logger = zap.NewNop()
	return h, storage
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestD1_AFloodOfLoginStartsCostsNothing(t *testing.T) {
	for _, addresses := range []int{1, 10_000} {
		h, storage := flooded(t)
		start := func(i int) {
			w, asked, err := serve(h, func(r *http.Request) {
				caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, fmt.Sprintf("10.0.%d.%d", i%addresses/256, i%addresses%256))
				r.Header.Set("Accept", "text/html")
			})
			if err != nil || asked || w.Code != http.StatusFound {
				t.Fatalf("start %d: %d, %v", i, w.Code, err)
			}
		}
		start(0)
		before := heap()
		for i := range 100_000 {
			start(i)
		}
		grown := int64(heap()) - int64(before)
		t.Logf("100,000 login starts from %d addresses: heap %+d bytes, %d writes", addresses, grown, storage.writes.Load())
		if grown > 1<<20 || storage.writes.Load() != 0 || storage.reads.Load() != 0 {
			t.Errorf("the flood left %d bytes, %d writes and %d reads", grown, storage.writes.Load(), storage.reads.Load())
		}
	}
}

func TestD4_JunkCookiesAreRefusedWithoutTheStorage(t *testing.T) {
	h, storage := flooded(t)
	junk := make([]byte, 180)
	for i := range 50_000 {
		_, _ = rand.Read(junk)
		w, asked, err := serve(h, func(r *http.Request) {
			r.Header.Set("Cookie", "__Host-Http-instagram_auth="+base64.RawURLEncoding.EncodeToString(junk))
			r.Header.Set("Accept", "application/json")
		})
		if err != nil || asked || w.Code != http.StatusUnauthorized {
			t.Fatalf("request %d: %d, %v", i, w.Code, err)
		}
	}
	if storage.reads.Load() != 0 || storage.writes.Load() != 0 {
		t.Errorf("%d reads, %d writes", storage.reads.Load(), storage.writes.Load())
	}
}
