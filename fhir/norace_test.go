//go:build !race

package fhir

// scale divides the sizes of tests about time and memory.
const scale = 1
