// Package fault breaks real networks and judges what is left from outside.
//
// Every test starts a network of its own, works on it through the public API (the
// gateway client and the domicile command), kills, stops, starves or misleads a part
// of it meanwhile, heals it the way an operator would, and hands the [History] of what
// was asked and answered, with what every peer says at the end, to [Check].
//
// Flags: -seed=N repeats the decisions of a run that printed N (not the scheduling of
// processes, which nobody controls); -rounds=N makes N rounds of each fault, 2 by
// default and 20 with -soak; -network-required makes missing programs a failure instead
// of a loud skip; -keep keeps the networks' directories.
package fault
