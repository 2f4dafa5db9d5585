// Package cpu tells how much work this process has done, for tests of what something
// costs: time on the clock also counts what the rest of the machine is busy with.
package cpu
