package cli

import (
	"context"

	"domicile/gateway"
)

// importOptions loads rules and starts the validator. The caller calls done.
func importOptions(ctx context.Context, rules, validator string) (opts []gateway.Option, done func(), err error) {
	done = func() {}
	set, err := loadRules(rules)
	if err != nil {
		return nil, nil, err
	}
	if set != nil {
		opts = append(opts, gateway.WithRules(set))
	}
	if validator == "" {
		if validator, err = gateway.FindValidator(); err != nil {
			return opts, done, nil // a collection that needs one says so
		}
	}
	v, err := gateway.StartValidator(ctx, validator)
	if err != nil {
		return nil, nil, err
	}
	return append(opts, gateway.WithValidator(v)), func() { v.Close() }, nil
}
