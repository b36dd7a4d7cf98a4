package main

import (
	"math/bits"
	"time"
)

const (
	// subBuckets divide each power of two: a value is known to within 1/128 of itself.
	subBits    = 7
	subBuckets = 1 << subBits

	// powers reaches up to two minutes, in nanoseconds.
	powers = 31
)

// histogram counts latencies in memory that does not grow with their number.
type histogram struct {
	counts [(powers + 1) * subBuckets]uint32
	total  int
}

// bucketOf returns the bucket of a latency. What is too long lands in the last one.
func bucketOf(latency time.Duration) int {
	v := uint64(max(latency, 0))
	if v < subBuckets {
		return int(v)
	}
	exponent := bits.Len64(v) - 1 - subBits
	if exponent >= powers {
		return (powers+1)*subBuckets - 1
	}
	return exponent*subBuckets + int(v>>exponent)
}

// middleOf returns the latency that stands for a bucket.
func middleOf(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	exponent := bucket/subBuckets - 1
	low := time.Duration(bucket-exponent*subBuckets) << exponent
	return low + time.Duration(1)<<exponent/2
}

func (h *histogram) add(latency time.Duration) {
	h.counts[bucketOf(latency)]++
	h.total++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// quantile returns the latency within which a share of all requests were answered, 0 if
// there were none.
func (h *histogram) quantile(share float64) time.Duration {
	rank := int(share * float64(h.total))
	seen := 0
	for bucket, n := range h.counts {
		if seen += int(n); n > 0 && seen > rank {
			return middleOf(bucket)
		}
	}
	return 0
}
