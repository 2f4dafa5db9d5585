package cpu

import "testing"

func TestWorkTakesTime(t *testing.T) {
	before := Time()
	for sum := 0; Time() <= before; {
		for i := range 1 << 20 {
			sum += i
		}
	}
}
