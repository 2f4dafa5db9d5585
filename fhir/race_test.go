//go:build race

package fhir

// scale divides the sizes of tests about time and memory: the race detector makes
// this package about ten times slower.
const scale = 10
