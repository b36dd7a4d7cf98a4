package secretfile

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

var (
	start    = time.Unix(1_800_000_000, 0)
	errShort = errors.New("too short")
	errGone  = errors.New("stat: no such file or directory")
)

func checkLength(value string) error {
	if len(value) < 3 {
		return errShort
	}
	return nil
}

// see is one look at a file with a content, or with an error.
type see struct {
	value string
	err   error
	want  Kind // of the one event; 0 for none
}

func TestN18_WhatTheLooksAtAFileMakeOfItsSecret(t *testing.T) {
	for name, c := range map[string]struct {
		looks   []see
		current string
	}{
		"nothing changes":                  {[]see{{"old", nil, 0}, {"old", nil, 0}}, "old"},
		"a change is seen twice":           {[]see{{"new", nil, 0}, {"new", nil, Changed}, {"new", nil, 0}}, "new"},
		"a change is seen once":            {[]see{{"new", nil, 0}, {"old", nil, 0}, {"new", nil, 0}, {"old", nil, 0}}, "old"},
		"half of it at first":              {[]see{{"hal", nil, 0}, {"half-and-half", nil, 0}, {"half-and-half", nil, Changed}}, "half-and-half"},
		"empty for a moment":               {[]see{{"", nil, 0}, {"new", nil, 0}, {"new", nil, Changed}}, "new"},
		"empty":                            {[]see{{"", nil, 0}, {"", nil, Broken}, {"", nil, 0}, {"", nil, 0}}, "old"},
		"too short":                        {[]see{{"ab", nil, 0}, {"ab", nil, Broken}}, "old"},
		"shorter and shorter":              {[]see{{"ab", nil, 0}, {"a", nil, Broken}, {"", nil, 0}}, "old"},
		"removed":                          {[]see{{"", errGone, 0}, {"", errGone, Broken}, {"", errGone, 0}}, "old"},
		"removed for a moment":             {[]see{{"", errGone, 0}, {"old", nil, 0}}, "old"},
		"removed and written anew":         {[]see{{"", errGone, 0}, {"", errGone, Broken}, {"new", nil, 0}, {"new", nil, Changed}}, "new"},
		"broken and restored":              {[]see{{"a", nil, 0}, {"a", nil, Broken}, {"old", nil, Mended}, {"old", nil, 0}}, "old"},
		"broken in one way and in another": {[]see{{"a", nil, 0}, {"a", nil, Broken}, {"", errGone, 0}, {"", errGone, Broken}}, "old"},
		"to and fro":                       {[]see{{"new", nil, 0}, {"new", nil, Changed}, {"old", nil, 0}, {"old", nil, Changed}}, "old"},
	} {
		s := NewSecret("old", checkLength)
		for i, look := range c.looks {
			events := s.Look(start.Add(time.Duration(i)*Interval), look.value, look.err)
			if len(events) > 1 || (len(events) == 1) != (look.want != 0) || len(events) == 1 && events[0].Kind != look.want {
				t.Errorf("%s: look %d tells %+v, want %d", name, i+1, events, look.want)
			}
		}
		if s.Current() != c.current {
			t.Errorf("%s: %q is in use, want %q", name, s.Current(), c.current)
		}
		if former := s.Former(start.Add(time.Hour), 2*time.Hour); slices.ContainsFunc(former, func(f Former) bool { return f.Value == c.current }) {
			t.Errorf("%s: what is in use is also a former one", name)
		}
	}
}

func TestN18_AFormerSecretOpensForTheLongestLifetimeAndNoLonger(t *testing.T) {
	const keep = time.Hour
	s := NewSecret("one", checkLength)
	s.Adopt(start, "two")
	s.Adopt(start.Add(10*time.Minute), "three")
	for _, c := range []struct {
		after  time.Duration
		former []string
	}{
		{10 * time.Minute, []string{"two", "one"}},
		{keep - 1, []string{"two", "one"}},
		{keep, []string{"two"}},
		{keep + 10*time.Minute - 1, []string{"two"}},
		{keep + 10*time.Minute, nil},
	} {
		var former []string
		for _, f := range s.Former(start.Add(c.after), keep) {
			former = append(former, f.Value)
		}
		if !slices.Equal(former, c.former) {
			t.Errorf("after %v %q still open, want %q", c.after, former, c.former)
		}
	}
	// Not only does it open nothing: it is gone.
	if events := s.Retire(start.Add(keep-1), keep); events != nil {
		t.Errorf("too early %+v", events)
	}
	if events := s.Retire(start.Add(keep), keep); len(events) != 1 || events[0].Kind != Retired || events[0].Value != "one" || len(s.former) != 1 {
		t.Errorf("in the end %+v, and %d are left", events, len(s.former))
	}
}

func TestN18_ASecretThatComesBackIsRetiredLater(t *testing.T) {
	s := NewSecret("one", checkLength)
	s.Adopt(start, "two")
	s.Adopt(start.Add(time.Minute), "one")
	s.Adopt(start.Add(2*time.Minute), "two")
	former := s.Former(start.Add(2*time.Minute), time.Hour)
	if len(former) != 1 || former[0].Value != "one" || !former[0].Until.Equal(start.Add(2*time.Minute)) {
		t.Errorf("former = %+v", former)
	}
}

func TestABrokenFileIsReportedOnceADay(t *testing.T) {
	s := NewSecret("old", checkLength)
	var reports []time.Duration
	for after := time.Duration(0); after < 3*24*time.Hour; after += Interval {
		if events := s.Look(start.Add(after), "", nil); len(events) > 0 {
			reports = append(reports, after)
		}
	}
	if want := []time.Duration{Interval, Interval + 24*time.Hour, Interval + 48*time.Hour}; !slices.Equal(reports, want) {
		t.Errorf("reported after %v, want %v", reports, want)
	}
}

func TestAFileThatChangesAllTheTimeIsBounded(t *testing.T) {
	s, retired := NewSecret("first", checkLength), 0
	for i := range 3 * MaxFormer {
		for _, e := range s.Adopt(start, fmt.Sprintf("secret %d", i)) {
			if e.Kind == Retired {
				retired++
			}
		}
	}
	if kept := len(s.Former(start, time.Hour)); kept != MaxFormer || retired != 2*MaxFormer {
		t.Errorf("%d are kept, %d retired", kept, retired)
	}
}
