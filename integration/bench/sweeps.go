package main

import (
	"bufio"
	"io"
	"os"
	"regexp"
	"strconv"
	"time"
)

// stamp is the form of the time at the beginning of a peer's log line.
const stamp = "2006-01-02T15:04:05.000Z"

// commitLine is what a peer logs when a block is committed (core/ledger/kvledger).
// The sweep that the block asks for begins within the two last times.
var commitLine = regexp.MustCompile(`Committed block \[(\d+)\] with \d+ transaction\(s\) in \d+ms \(state_validation=\d+ms block_and_pvtdata_commit=(\d+)ms state_commit=(\d+)ms\)`)

// committed is a block and the earliest that its sweep may have begun.
type committed struct {
	number uint64
	at     time.Time
}

// busy is how long the peer swept in all, from its log. purges are the blocks that
// purge something, nil: all. A sweep is taken to begin with the first block of
// these that no earlier sweep was for, or when the sweep before it ended. So when
// one sweep did the work of several blocks the time is too long, never too short.
func (l *sweepLog) busy(purges map[uint64]bool) (time.Duration, error) {
	blocks, ends, err := l.read()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	var last time.Time
	for _, end := range ends {
		from := end // a sweep of keys that no block of purges names, and no block at all
		for i, b := range blocks {
			if b.at.After(end) {
				break
			}
			from = b.at
			if purges == nil || purges[b.number] {
				blocks = blocks[i+1:]
				break
			}
		}
		if from.Before(last) {
			from = last
		}
		sum += end.Sub(from)
		last = end
	}
	return sum, nil
}

// read returns the blocks and the ends of the sweeps.
func (l *sweepLog) read() (blocks []committed, ends []time.Time, err error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if _, err := f.Seek(l.from, io.SeekStart); err != nil {
		return nil, nil, err
	}
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 64<<10), 1<<20)
	for sc.Scan() {
		line := sc.Text()
		at, err := time.Parse(stamp, line[:min(len(stamp), len(line))])
		if err != nil {
			continue
		}
		if m := commitLine.FindStringSubmatch(line); m != nil {
			number, err := strconv.ParseUint(m[1], 10, 64)
			if err != nil {
				return nil, nil, err
			}
			blocks = append(blocks, committed{number, at.Add(-millis(m[2]) - millis(m[3]))})
		} else if sweepLine.MatchString(line) {
			ends = append(ends, at)
		}
	}
	return blocks, ends, sc.Err()
}

func millis(digits string) time.Duration {
	n, _ := strconv.Atoi(digits) // the expression lets nothing else through
	return time.Duration(n) * time.Millisecond
}
