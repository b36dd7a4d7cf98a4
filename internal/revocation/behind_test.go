package revocation

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A board without a clock chip starts with the time of its last stop, and learns the right one
// later. These tests start a node whose clock is behind, with the local copy of one that was not.

// endings are the ways in which a session ends early.
var endings = map[string]func(ctx context.Context, n *node, s Subject) error{
	"one session": func(ctx context.Context, n *node, s Subject) error {
		return n.EndSession(ctx, s, n.now().Add(testLifetime))
	},
	"a person's sessions": func(ctx context.Context, n *node, s Subject) error { return n.EndUser(ctx, s.User) },
	"all sessions":        func(ctx context.Context, n *node, _ Subject) error { return n.EndAll(ctx) },
	"by a callback": func(ctx context.Context, n *node, s Subject) error {
		return n.EndUserBefore(ctx, s.AppScoped, n.now())
	},
}

// revokedLately has a node revoke two sessions of a person, an old and a recent one, at two hours
// after its start. The storage is down if unwritten. It returns the data folder of the killed node.
func revokedLately(t *testing.T, storage *memory, unwritten bool, end func(context.Context, *node, Subject) error) (folder string, old, recent Subject) {
	t.Helper()
	folder = t.TempDir()
	one := newNode(t, storage, snapshotIn(folder))
	old = one.person("1")
	one.move(time.Hour + 45*time.Minute)
	one.sync()
	recent = one.person("1")
	one.move(15 * time.Minute)
	one.sync()
	storage.outage(unwritten)
	for _, s := range []Subject{old, recent} {
		if err := end(t.Context(), one, s); (err != nil) != unwritten {
			t.Fatal(err)
		}
	}
	one.settled()
	one.killed()
	return folder, old, recent
}

// alive reports whether a request with the session would be accepted: one that is dated more than
// a minute into the future is not.
func (n *node) alive(s Subject) bool {
	return s.Began <= n.now().Add(clockSkew).UnixMilli() && !n.Ended(s)
}

func TestF7_AClockThatIsBehindBringsNobodyBack(t *testing.T) {
	for name, end := range endings {
		for stored, unwritten := range map[string]bool{"stored": false, "unwritten": true} {
			for moves, steps := range map[string][]time.Duration{
				"jumps": {61 * time.Minute},
				"creeps": {
					time.Minute, 4 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 10 * time.Minute,
					10 * time.Minute, time.Minute,
				},
				"jumps twice": {59 * time.Minute, 2 * time.Minute},
			} {
				t.Run(name+", "+stored+", the clock "+moves, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						storage := newMemory()
						folder, old, recent := revokedLately(t, storage, unwritten, end)
						storage.outage(true)
						again := nodeAt(t, time.Hour, storage, snapshotIn(folder))
						if again.alive(old) || again.alive(recent) {
							t.Errorf("at the start: alive %v, %v", again.alive(old), again.alive(recent))
						}
						if next := again.person("1"); !again.alive(next) {
							t.Error("nobody can sign in while the clock is behind")
						}
						for _, step := range steps {
							again.move(step) // before the next look
							if again.alive(old) {
								t.Errorf("at %v: the old session is back", again.clock.ahead.Load())
							}
						}
						if again.alive(recent) {
							t.Error("the recent session is back")
						}
						if next := again.person("1"); !again.alive(next) {
							t.Error("nobody can sign in with the right clock")
						}
						again.sync()
						if again.alive(old) || again.alive(recent) {
							t.Error("after a look: a session is back")
						}
					})
				})
			}
		}
	}
}

// The storage works: what it has counts when its time has come, and what the node knows counts
// at once.
func TestF7_AClockThatIsBehindBringsNobodyBackWhileTheStorageWorks(t *testing.T) {
	for name, end := range endings {
		for stored, unwritten := range map[string]bool{"stored": false, "unwritten": true} {
			for _, step := range []time.Duration{61 * time.Minute, 10 * time.Minute} {
				t.Run(name+", "+stored+", by "+step.String(), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						storage := newMemory()
						folder, old, recent := revokedLately(t, storage, unwritten, end)
						storage.outage(false)
						again := nodeAt(t, time.Hour, storage, snapshotIn(folder))
						for again.clock.ahead.Load() < int64(2*time.Hour) {
							if again.alive(old) {
								t.Errorf("at %v: the old session is back", again.clock.ahead.Load())
							}
							again.move(step)
							again.sync()
						}
						if again.alive(old) || again.alive(recent) {
							t.Errorf("alive %v, %v", again.alive(old), again.alive(recent))
						}
						if third := nodeAt(t, 3*time.Hour, storage.healthy()); third.alive(old) || third.alive(recent) {
							t.Error("the storage lacks it")
						}
					})
				})
			}
		}
	}
}

// The board loses its power again and again before it learns the time. Each time, the node has
// written its copy with the wrong clock.
func TestF7_AClockThatIsBehindAtSeveralStartsBringsNobodyBack(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				storage := newMemory()
				folder, old, recent := revokedLately(t, storage, true, end)
				for i := range 4 {
					again := nodeAt(t, time.Hour, storage, snapshotIn(folder))
					if again.alive(old) || again.alive(recent) {
						t.Errorf("start %d: alive %v, %v", i, again.alive(old), again.alive(recent))
					}
					if i == 1 {
						again.replaceNow(again.current())
					}
					again.settled()
					again.killed()
				}
				if last := nodeAt(t, 2*time.Hour, storage, snapshotIn(folder)); last.alive(old) || last.alive(recent) {
					t.Errorf("alive %v, %v", last.alive(old), last.alive(recent))
				}
			})
		})
	}
}

// A clock was ahead when somebody revoked sessions, and is right now. That ends what had begun by
// then, once, and does not sign everybody out at each start until the time has come.
func TestF7_AClockThatWasAheadSignsNobodyOutTwice(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				folder, storage := t.TempDir(), newMemory()
				one := newNode(t, storage, snapshotIn(folder))
				old := one.person("1")
				one.move(24 * time.Hour)
				if err := end(t.Context(), one, old); err != nil {
					t.Fatal(err)
				}
				one.settled()
				one.killed()
				var later Subject
				for i := range 4 {
					storage.outage(i%2 == 0)
					again := nodeAt(t, time.Duration(i)*10*time.Minute, storage, snapshotIn(folder))
					if again.alive(old) || i > 0 && !again.alive(later) {
						t.Errorf("start %d: alive %v; who has signed in since: %v", i, again.alive(old), again.alive(later))
					}
					if again.move(5 * time.Minute); i == 0 {
						later = again.person("1")
					}
					if again.alive(old) || !again.alive(later) {
						t.Errorf("after start %d: alive %v, who has signed in since: %v", i, again.alive(old), again.alive(later))
					}
					again.settled()
					again.killed()
				}
			})
		})
	}
}

// What waits for its time is in the copy, even if that is lost meanwhile, and once.
func TestF7_WhatWaitsForItsTimeIsWrittenAnewOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		folder, _, recent := revokedLately(t, storage, false, endings["all sessions"])
		storage.outage(true)
		again := nodeAt(t, time.Hour, storage, snapshotIn(folder))
		if err := os.Remove(SnapshotFile(folder, "123")); err != nil {
			t.Fatal(err)
		}
		var sizes []int64
		for range 5 {
			again.replaceNow(again.current())
			info, err := os.Stat(SnapshotFile(folder, "123"))
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, info.Size())
		}
		if sizes[4] != sizes[0] {
			t.Errorf("the copy grows: %v", sizes)
		}
		again.killed()
		if last := nodeAt(t, 2*time.Hour, storage, snapshotIn(folder)); last.alive(recent) {
			t.Error("the copy has lost it")
		}
		synctest.Wait()
	})
}

func TestF7_TheOperatorHearsOfAClockThatIsBehind(t *testing.T) {
	const line = "dated into the future: the clock of this machine is behind"
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		folder, _, _ := revokedLately(t, storage, true, endings["a person's sessions"])
		again := nodeAt(t, time.Hour, storage, snapshotIn(folder))
		again.sync()
		if again.log.count(line) != 1 {
			t.Errorf("logged %s", again.log.lines.String())
		}
		again.killed()
		if right := nodeAt(t, 2*time.Hour, storage, snapshotIn(folder)); right.log.count(line) != 0 {
			t.Errorf("with the right clock: %s", right.log.lines.String())
		}
	})
}

// An open connection ends when the clock gets there, without any request.
func TestF7_ALookFindsWhatTimeHasComeFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		folder, _, recent := revokedLately(t, storage, true, endings["all sessions"])
		changes := 0
		again := nodeAt(t, time.Hour, storage, snapshotIn(folder), func(m *Member) { m.OnChange = func() { changes++ } })
		before := changes
		again.sync()
		if changes != before {
			t.Error("something ended before its time")
		}
		again.move(time.Hour)
		again.sync()
		if changes != before+1 || again.everyone.Load() <= recent.Began {
			t.Errorf("told %d times, ended before %d", changes-before, again.everyone.Load())
		}
	})
}

// A clock that is far ahead takes everything for expired, until it is set.
func TestF7_AClockThatIsAheadAtTheStartAndIsSetBackBringsNobodyBack(t *testing.T) {
	for name, end := range endings {
		for stored, unwritten := range map[string]bool{"stored": false, "unwritten": true} {
			for _, ahead := range []time.Duration{3 * 24 * time.Hour, 400 * 24 * time.Hour, 10_000 * 24 * time.Hour} {
				t.Run(name+", "+stored+", by "+ahead.String(), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						storage := newMemory()
						folder, old, recent := revokedLately(t, storage, unwritten, end)
						storage.outage(true)
						stopped := nodeAt(t, ahead, storage, snapshotIn(folder))
						stopped.Close()
						stopped.leave()
						again := nodeAt(t, ahead, storage, snapshotIn(folder))
						again.sync()
						again.move(2*time.Hour - ahead)
						again.sync()
						again.sync()
						if again.alive(old) || again.alive(recent) {
							t.Errorf("alive %v, %v: %s", again.alive(old), again.alive(recent), again.log.lines.String())
						}
						storage.outage(false)
						again.sync()
						again.sync()
						if third := nodeAt(t, 3*time.Hour, storage.healthy()); third.alive(old) || third.alive(recent) {
							t.Error("the storage lacks it")
						}
					})
				})
			}
		}
	}
}
