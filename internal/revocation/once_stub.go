package revocation

import (
	"context"
	"time"
)

const OnceFor = 10 * time.Minute

func (l *List) Once(ctx context.Context, key Key, work func(context.Context) error) (bool, error) {
	return true, work(ctx)
}
