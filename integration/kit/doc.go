// Package kit is what the tests and the benchmarks on a real network share.
package kit
