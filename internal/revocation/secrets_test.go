package revocation

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// Blocks of one app may have secrets of their own, and a change of all secrets doubles their
// number. A line that is longer than the limit is not read.
func TestF7_TheCopyOfManySecretsIsReadAgain(t *testing.T) {
	const ends = 70 // more than two lines of one secret
	for _, secrets := range []int{1, 56, 100} {
		t.Run(fmt.Sprint(secrets), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				for way, replace := range map[string]bool{"appended": false, "written anew": true} {
					folder, storage := t.TempDir(), newMemory()
					n := newNode(t, storage, snapshotIn(folder))
					last := sealedWith(t, testSecret)
					for i := range secrets - 1 {
						last = sealedWith(t, fmt.Sprintf("secret %030d", i))
						n.join(t, storage, snapshotIn(folder), last)
					}
					n.settled()
					n.replaceNow(n.current()) // what was written for the first secret alone is gone
					keys := make([]Key, ends)
					for i := range keys { // as from one look
						keys[i] = newKey()
						e := entry{oneSession, keys[i], always, n.now().Add(testLifetime).Unix()}
						n.note(e)
						n.snapshot.learn(record{entry: e})
					}
					n.keepLearned(true)
					if n.settled(); replace {
						n.replaceNow(n.current())
					}
					content, err := os.ReadFile(SnapshotFile(folder, "123"))
					if err != nil {
						t.Fatal(err)
					}
					for line := range bytes.Lines(content) {
						if dated, ok := datedLine(bytes.TrimSuffix(line, []byte("\n")), n.now()); ok && len(dated) >= maxLine {
							t.Fatalf("%s: a line of %d bytes", way, len(dated))
						}
					}
					n.killed()
					storage.outage(true)
					for which, sealed := range map[string]func(*Member){"first": sealedWith(t, testSecret), "last": last} {
						again := newNode(t, storage, snapshotIn(folder), sealed)
						if known := again.countKnown(keys); known != ends {
							t.Errorf("%s: with the %s secret, %d of %d count", way, which, known, ends)
						}
						if again.log.count("parts of the local copy") != 0 {
							t.Errorf("%s: %s", way, again.log.lines.String())
						}
						again.killed()
					}
				}
			})
		})
	}
}

// Otherwise it would be written anew after each full look.
func TestF7_TheCopyOfManySecretsIsNotOutgrownWhenItIsNew(t *testing.T) {
	for _, secrets := range []int{1, 100, 300} {
		bubble(t, func(t *testing.T) {
			folder, storage := t.TempDir(), newMemory()
			n := newNode(t, storage, snapshotIn(folder))
			for i := range secrets - 1 {
				n.join(t, storage, snapshotIn(folder), sealedWith(t, fmt.Sprintf("secret %030d", i)))
			}
			for range 200 {
				n.note(entry{oneSession, newKey(), always, n.now().Add(testLifetime).Unix()})
			}
			n.settled()
			n.replaceNow(n.current())
			if n.worthReplacing(false, true) {
				t.Errorf("%d secrets: %d bytes are too many", secrets, n.snapshot.size)
			}
		})
	}
}
