package revocation

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzF3_SealedEntries takes what is sealed under the right key for anything, as that of a
// newer version might be: what is read of it is all of it.
func FuzzF3_SealedEntries(f *testing.F) {
	v, other := newVault(f, testSecret), newVault(f, "another secret, of thirty-two bytes")
	for _, seed := range [][]byte{nil, {1}, make([]byte, entrySize), bytes.Repeat([]byte{1}, entrySize), bytes.Repeat([]byte{2}, entrySize), append([]byte{3}, make([]byte, entrySize-1)...), append([]byte{1}, make([]byte, entrySize-1)...), bytes.Repeat([]byte{3}, entrySize), bytes.Repeat([]byte{4}, entrySize), bytes.Repeat([]byte{1}, entrySize+1), bytes.Repeat([]byte{0xff}, entrySize)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		sealed, err := v.Seal(plaintext, []byte(testBucket))
		if err != nil {
			t.Fatal(err)
		}
		name := encodeName(sealed)
		e, _, ok := readName(testBucket, name, []Sealer{other, v})
		kind := byte(0)
		if len(plaintext) == 25 {
			kind = plaintext[0]
		}
		about := len(plaintext) == 25 && !bytes.Equal(plaintext[1:9], make([]byte, 8))
		if want := (kind == 1 || kind == 2) && about || kind == 3 && !about; ok != want {
			t.Fatalf("%x: read %v, want %v", plaintext, ok, want)
		}
		for where, sealers := range map[string][]Sealer{testBucket + "1": {v}, testBucket: {other}} {
			if _, _, ok := readName(where, name, sealers); ok {
				t.Errorf("%x: read in %s, by %v", plaintext, where, sealers)
			}
		}
		if !ok {
			return
		}
		again := []byte{byte(e.kind)}
		for _, n := range []uint64{uint64(e.key), uint64(e.before), uint64(e.expires)} {
			again = binary.BigEndian.AppendUint64(again, n)
		}
		if !bytes.Equal(again, plaintext) {
			t.Errorf("%x is read as %+v", plaintext, e)
		}
	})
}

// FuzzF3_Notes does the same for the notes that something has been done once.
func FuzzF3_Notes(f *testing.F) {
	v := newVault(f, testSecret)
	const name, elsewhere = "instagram_auth/0/once/0000000001/a", "instagram_auth/0/once/0000000001/b"
	for _, seed := range []string{"", "\x00\x00\x00\x00\x6b\x49\xd2\x00", "1234567", "123456789", "\xff\xff\xff\xff\xff\xff\xff\xff", "\x80\x00\x00\x00\x00\x00\x00\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if left, ok := openNumber(content, name, []Sealer{v}); ok {
			t.Errorf("%x, which nobody has sealed, is a note of %d", content, left)
		}
		sealed, err := v.Seal(content, []byte(name))
		if err != nil {
			t.Fatal(err)
		}
		left, ok := openNumber(sealed, name, []Sealer{v})
		if ok != (len(content) == 8) || ok && uint64(left) != binary.BigEndian.Uint64(content) {
			t.Errorf("%x is a note of %d, %v", content, left, ok)
		}
		if left, ok := openNumber(sealed, elsewhere, []Sealer{v}); ok {
			t.Errorf("%x, moved elsewhere, is a note of %d", content, left)
		}
	})
}

// FuzzF7_Snapshots reads any bytes as the local copy: nothing panics, and nothing counts that was
// not sealed for it.
func FuzzF7_Snapshots(f *testing.F) {
	v, data := newVault(f, testSecret), snapshotData(root("123"))
	sealer := lineSealer{[]Sealer{v}, data, 1_800_000_000}
	whole, err := sealer.appendLines(nil, []record{{entry{oneSession, 7, always, 1_900_000_000}, true}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, []byte("\n\n#\n"), []byte(",,,"), whole, whole[:len(whole)/2], append([]byte(snapshotHeading), whole...), append(whole, whole...)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		end, err := readLines(bytes.NewReader(content), func(line []byte) {
			if _, _, records, ok := readLine(line, []Sealer{v}, data); ok && (len(records) != 1 || records[0].key != 7) {
				t.Errorf("%q has %v", line, records)
			}
		})
		if err != nil || end < 0 || end > int64(len(content)) {
			t.Errorf("%d, %v", end, err)
		}
	})
}

// FuzzF7_SealedLines takes what is sealed under the right key for a line, as that of a newer
// version might be.
func FuzzF7_SealedLines(f *testing.F) {
	e := entry{oneSession, 7, always, 1_900_000_000}
	for _, seed := range [][]byte{nil, {1}, make([]byte, lineHeader), append([]byte{1}, make([]byte, lineHeader-1)...), append([]byte{2}, make([]byte, lineHeader-1)...), append(append([]byte{1}, make([]byte, lineHeader-1)...), append(e.appendTo(nil), 1)...)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		kind, written, records, ok := readPlainLine(plaintext)
		if !ok {
			return
		}
		again := binary.BigEndian.AppendUint64([]byte{byte(kind)}, uint64(written))
		for i, r := range records {
			again = append(r.appendTo(again), plaintext[lineHeader+(i+1)*recordSize-1])
		}
		if !bytes.Equal(again, plaintext) {
			t.Errorf("%x was read as %x", plaintext, again)
		}
	})
}
