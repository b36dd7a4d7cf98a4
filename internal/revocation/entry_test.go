package revocation

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const testBucket = "instagram_auth/0011223344556677/ended/0029999999"

func TestF3_AnEntryComesBackAsItWasWritten(t *testing.T) {
	old, now := newVault(t, strings.Repeat("1", 32)), newVault(t, testSecret)
	for what, e := range map[string]entry{
		"session":           {oneSession, 0xfedcba9876543210, always, 1_800_000_000},
		"user":              {oneUser, 1, 1_800_000_000, 1_800_086_400},
		"everyone":          {everyone, 0, 1_800_000_000, 1_800_086_400},
		"highest key":       {oneUser, 1<<64 - 1, 1, 2},
		"times before 1970": {oneUser, 2, -62_135_596_740, -1},
	} {
		for _, writer := range []*session.Vault{old, now} {
			name := nameOf(t, e, writer)
			if got, _, ok := readName(testBucket, name, []Sealer{now, old}); !ok || got != e {
				t.Errorf("%s: read %+v, %v; want %+v", what, got, ok, e)
			}
			if len(name) > 200 || name != strings.ToLower(name) || strings.Contains(name, "/") {
				t.Errorf("%s: %q is no good name for a file", what, name)
			}
		}
	}
}

func TestF3_NoTwoNamesOfAnEntryAreTheSame(t *testing.T) {
	e, v := entry{oneUser, 77, 1, 2}, newVault(t, testSecret)
	if one, two := nameOf(t, e, v), nameOf(t, e, v); one == two {
		t.Error("a reader of the storage learns that two entries are the same")
	}
}

func TestF3_ANameOpensAsWrittenInItsBucketAlone(t *testing.T) {
	v := newVault(t, testSecret)
	name := nameOf(t, entry{oneUser, 0xfedcba9876543210, 5, 6}, v)
	for what, try := range map[string]struct{ bucket, name string }{
		"the next bucket":      {testBucket[:len(testBucket)-1] + "8", name},
		"another app's bucket": {strings.Replace(testBucket, "00", "01", 1), name},
		"no bucket":            {"", name},
		"with the bucket":      {testBucket, path.Join(testBucket, name)},
		"empty":                {testBucket, ""},
		"upper case":           {testBucket, strings.ToUpper(name)},
		"one letter upper":     {testBucket, upperOne(name)},
		"padded":               {testBucket, name + "="},
		"padded to a block":    {testBucket, name + "======"},
		"a character more":     {testBucket, name + "0"},
		"a character less":     {testBucket, name[:len(name)-1]},
		"a line break behind":  {testBucket, name + "\n"},
		"a line break within":  {testBucket, name[:9] + "\r\n" + name[9:]},
		"a space":              {testBucket, " " + name},
		"no letter of base32":  {testBucket, "z" + name[1:]},
		"too long":             {testBucket, strings.Repeat("0", 257)},
		"huge":                 {testBucket, strings.Repeat(name, 1000)},
		"a file's ending":      {testBucket, name + ".tmp"},
		"a temporary file":     {testBucket, "2718281828"},
	} {
		if e, _, ok := readName(try.bucket, try.name, []Sealer{v}); ok {
			t.Errorf("%s: read %+v", what, e)
		}
	}
	for what, sealers := range map[string][]Sealer{"another secret": {newVault(t, strings.Repeat("2", 32))}, "no secret": nil} {
		if e, _, ok := readName(testBucket, name, sealers); ok {
			t.Errorf("%s: read %+v", what, e)
		}
	}
	if _, _, ok := readName(testBucket, name, []Sealer{newVault(t, strings.Repeat("2", 32)), v}); !ok {
		t.Error("the second of two secrets does not open")
	}
}

func TestF3_ANameHasOneSpelling(t *testing.T) {
	v := newVault(t, testSecret)
	name := nameOf(t, entry{oneUser, 0xfedcba9876543210, 5, 6}, v)
	for i := range len(name) * 8 {
		flipped := []byte(name)
		flipped[i/8] ^= 1 << (i % 8)
		if e, _, ok := readName(testBucket, string(flipped), []Sealer{v}); ok {
			t.Errorf("with bit %d of character %d flipped: read %+v", i%8, i/8, e)
		}
	}
	// Letters outside ASCII that have one of base32's as their upper case.
	for like, as := range map[string]string{"ı": "i", "ſ": "s"} {
		if odd := strings.Replace(name, as, like, 1); odd != name {
			if e, _, ok := readName(testBucket, odd, []Sealer{v}); ok {
				t.Errorf("with %q: read %+v", like, e)
			}
		}
	}
}

func TestF5_WhatANewerVersionWroteIsNothing(t *testing.T) {
	v := newVault(t, testSecret)
	good := make([]byte, 0, entrySize)
	good = append(good, byte(oneUser))
	for _, n := range []uint64{3, 4, 5} {
		good = binary.BigEndian.AppendUint64(good, n)
	}
	with := func(at int, b byte) []byte {
		changed := append([]byte(nil), good...)
		changed[at] = b
		return changed
	}
	read := func(plaintext []byte) bool {
		sealed, err := v.Seal(plaintext, []byte(testBucket))
		if err != nil {
			t.Fatal(err)
		}
		_, _, ok := readName(testBucket, encodeName(sealed), []Sealer{v})
		return ok
	}
	if !read(good) {
		t.Error("the good one does not open")
	}
	for what, plaintext := range map[string][]byte{
		"longer": append(good, 0), "shorter": good[:len(good)-1], "empty": nil,
		"kind 0": with(0, 0), "kind 4": with(0, 4), "kind 255": with(0, 255),
		"a person without a key": with(8, 0), "everyone with a key": with(0, byte(everyone)),
	} {
		if read(plaintext) {
			t.Errorf("%s: read", what)
		}
	}
}

func TestASealerThatFailsMakesNoName(t *testing.T) {
	if name, err := (entry{kind: everyone}).name(testBucket, noSealer{}); err == nil {
		t.Errorf("made %q", name)
	}
}

func TestF4_NothingOfAnAppStandsInAKey(t *testing.T) {
	r := root("990602627938098")
	if strings.Contains(r, "990602627938098") || !strings.HasPrefix(r, "instagram_auth/") || !strings.HasSuffix(r, "/ended") {
		t.Errorf("root = %q", r)
	}
	if r == root("990602627938099") || len(root("../../etc")) != len(r) || strings.Contains(root("../../etc"), "..") {
		t.Error("roots are not hashes")
	}
}

func TestF3_StorageKeysAreTakenApart(t *testing.T) {
	const root = "instagram_auth/x/ended"
	for key, want := range map[string]struct {
		minute int64
		name   string
	}{
		root + "/0029999999/abc": {29_999_999, "abc"},
		root + "/0029999999":     {29_999_999, ""},
		root + "/0029999999/":    {29_999_999, ""},
		root + "/0000000000/a":   {0, "a"},
		root + "/9999999999/..":  {9_999_999_999, ".."},
	} {
		minute, bucket, name, ok := splitKey(root, key)
		if !ok || minute != want.minute || name != want.name || bucket != bucketOf(root, minute) {
			t.Errorf("%s: %d, %q, %q, %v", key, minute, bucket, name, ok)
		}
	}
	for _, key := range []string{
		"", root, root + "/", root + "//", "/" + root + "/0029999999/a", "other/0029999999/a", root + "x/0029999999/a",
		root + "/29999999/a", root + "/-029999999/a", root + "/+029999999/a", root + "/00_9999999/a", root + "/002999999x/a",
		root + "/00299999990/a", root + "/0x29999999/a", root + "/0029999999/a/b", root + "/0029999999//", root + "/００２/a",
		root + "/0029999999\n", root + "/ 029999999",
	} {
		if minute, bucket, name, ok := splitKey(root, key); ok {
			t.Errorf("%q: %d, %q, %q", key, minute, bucket, name)
		}
	}
}

func TestF4_KeysOfDifferentThingsDiffer(t *testing.T) {
	seen := make(map[Key]string)
	for what, k := range map[string]Key{
		"1 and 23": UserKey("1", "23"), "12 and 3": UserKey("12", "3"), "123 and nothing": UserKey("123", ""), "nothing and 123": UserKey("", "123"),
		"a session": SessionKey([32]byte{}), "another": SessionKey([32]byte{31: 1}), "a person with a session's ID": keyOf("user", string(make([]byte, 32))),
		"the parts of a person as one": keyOf("user123"),
	} {
		if other, ok := seen[k]; ok || k == 0 {
			t.Errorf("%s and %s have the key %s", what, other, k)
		}
		seen[k] = what
	}
}

func TestAKeyIsReadAsItIsPrinted(t *testing.T) {
	for _, k := range []Key{1, 0xfedcba9876543210, 1<<64 - 1, UserKey("1", "2")} {
		if got, err := ParseKey(k.String()); err != nil || got != k || len(k.String()) != 16 {
			t.Errorf("%s: read %v, %v", k, got, err)
		}
	}
	for _, text := range []string{"", "0", "0000000000000000", "123", "-000000000000001", "+000000000000001", "0x00000000000001", "00000000000000001", "000000000000000g", " 00000000000001 ", "0000_0000_0000_1", strings.Repeat("1", 1000)} {
		if k, err := ParseKey(text); err == nil {
			t.Errorf("%q: read %s", text, k)
		} else if len(err.Error()) > 200 {
			t.Errorf("%.20q…: the error repeats all of it", text)
		}
	}
}

func FuzzF3_StoredNames(f *testing.F) {
	// Another secret in each process: the fuzzer's workers get the seeds of another
	// process, and none of those may open for them.
	v := newVault(f, rand.Text()+rand.Text())
	r := root("123")
	bucket := bucketOf(r, 29_999_999)
	written := make(map[string]entry)
	for _, e := range []entry{{oneSession, 1, always, 2}, {oneUser, 2, 3, 4}, {everyone, 0, 5, 6}} {
		key, err := e.name(bucket, v)
		if err != nil {
			f.Fatal(err)
		}
		written[key] = e
		f.Add(key)
		f.Add(strings.ToUpper(key))
		f.Add(key[:len(key)-1])
		f.Add(key + "\n")
	}
	for _, key := range []string{"", r, bucket, bucket + "/", bucket + "/2718281828", r + "/-000000001/0", bucket + "/ıſ"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		minute, b, name, ok := splitKey(r, key)
		if !ok {
			return
		}
		if minute < 0 || b != bucketOf(r, minute) || strings.TrimSuffix(key, "/") != path.Join(b, name) && name != "." && name != ".." {
			t.Errorf("%q: %d, %q, %q", key, minute, b, name)
		}
		if e, _, ok := readName(b, name, []Sealer{v}); ok && e != written[key] {
			t.Errorf("%q: read %+v", key, e)
		}
	})
}

// nameOf returns the name of an entry in the bucket of the tests.
func nameOf(t testing.TB, e entry, s Sealer) string {
	t.Helper()
	key, err := e.name(testBucket, s)
	if err != nil {
		t.Fatal(err)
	}
	name, ok := strings.CutPrefix(key, testBucket+"/")
	if !ok {
		t.Fatalf("%q stands elsewhere", key)
	}
	return name
}

// upperOne returns a name with its first letter in upper case.
func upperOne(name string) string {
	at := strings.IndexFunc(name, func(r rune) bool { return r >= 'a' })
	return name[:at] + strings.ToUpper(name[at:at+1]) + name[at+1:]
}

// noSealer seals nothing.
type noSealer struct{}

func (noSealer) ID() string { return "" }

func (noSealer) Seal(_, _ []byte) ([]byte, error) { return nil, errors.New("no seal") }
func (noSealer) Open(_, _ []byte) ([]byte, error) { return nil, errors.New("no seal") }
