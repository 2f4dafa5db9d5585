// Package network makes, starts, inspects, breaks and heals a Fabric network
// of native processes.
package network
