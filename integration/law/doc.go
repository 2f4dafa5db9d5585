// Package law tests, by the command alone and on networks of its own, what rules of law
// make of health records: labels and routing by the rules of a holder, retention, holds,
// erasure, and regions that lie in each other. These tests change the policy, so they
// cannot share a network.
package law
