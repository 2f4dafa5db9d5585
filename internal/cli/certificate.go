package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/erasure/certificate"
	"domicile/gateway"
)

// certificateFlags say what goes into a certificate.
type certificateFlags struct {
	region, collection, out string
	attestations            []string
	annex                   bool
}

func (a *app) proofCertificate() *cobra.Command {
	var o certificateFlags
	c := &cobra.Command{
		Use: "certificate ID -o FILE", Short: "Collect the certificate of destruction of a purged record",
		Long: `Writes one JSON file with which a stranger, who has the channel's genesis block, checks what
the ledger proves about the record's existence and its purge. Everything in it is public on the
channel, unless --annex adds the holder's register entry: the ground, the authority and the
certificate that purged. Operators' attestations about their disks are added from files.`,
		Example: `  domicile proof certificate ID -o certificate.json
  domicile proof certificate ID -o certificate.json --attestation us.json --attestation eu.json
  domicile proof certificate ID -o private.json --region us --annex`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkID(args[0]); err != nil {
				return err
			}
			if o.out == "" {
				return usage{errors.New("-o is missing"), "name the file to write, such as -o certificate.json"}
			}
			return a.certify(c, o, args[0])
		},
	}
	regionFlag(c, &o.region, false)
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "", "`FILE` to write")
	f.StringVar(&o.collection, "collection", "", "`collection` of the record, when several hold something under the id")
	f.StringArrayVar(&o.attestations, "attestation", nil, "`FILE` of an operator's attestation to add; may be repeated")
	f.BoolVar(&o.annex, "annex", false, "add the holder's register entry: ground and authority (private)")
	return c
}

func (a *app) certify(c *cobra.Command, o certificateFlags, id string) error {
	ctx, role := c.Context(), record.RoleReader
	if o.annex {
		role = record.RoleAuditor
	}
	client, err := a.connect(ctx, where{region: o.region, role: role})
	if err != nil {
		return err
	}
	defer client.Close()
	cert, err := client.Certificate(ctx, o.collection, id)
	if errors.Is(err, certificate.ErrNotPurged) {
		return refused{err.Error(), "a record is certified once its purge has been confirmed in public; see domicile proof show"}
	}
	if err != nil {
		return err
	}
	if o.annex {
		if cert.Annex, err = annex(c, client, cert.Record.Ref); err != nil {
			return err
		}
	}
	for _, path := range o.attestations {
		b, err := a.readAll(path, certificate.MaxAttestation)
		if err != nil {
			return err
		}
		at, err := certificate.DecodeAttestation(b)
		if err != nil {
			return refused{path + ": " + err.Error(), "domicile purge attest writes attestations"}
		}
		cert.Attestations = append(cert.Attestations, *at)
	}
	b, err := cert.Encode()
	if err != nil {
		return err
	}
	genesis, err := client.Genesis(ctx)
	if err != nil {
		return err
	}
	if _, err := certificate.Verify(b, genesis); err != nil { // the attestations are new in it
		return refusal(err)
	}
	mode := os.FileMode(0o644)
	if o.annex {
		mode = 0o600 // ground and authority are nobody else's business
		if err := os.Chmod(o.out, mode); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("write the certificate: %w", openError(err))
		}
	}
	if err := os.WriteFile(o.out, b, mode); err != nil {
		return fmt.Errorf("write the certificate: %w", openError(err))
	}
	fmt.Fprintf(a.err, "wrote %s; whoever has the channel's genesis block checks it with domicile proof verify-destruction\n", o.out)
	return nil
}

func annex(c *cobra.Command, client *gateway.Client, r record.Ref) (*certificate.Annex, error) {
	v, err := client.Register(c.Context(), r.Collection, r.ID)
	if err != nil {
		return nil, err
	}
	return &certificate.Annex{Register: v}, nil
}

func (a *app) proofVerifyDestruction() *cobra.Command {
	var genesis string
	c := &cobra.Command{
		Use: "verify-destruction FILE --genesis BLOCK", Short: "Check a certificate of destruction offline",
		Long: `Says what the ledger proves about a record's existence and destruction; apart from that, who
states the rest; and what nobody can prove. Needs no network and no access to anything but the
two files. The genesis block is what is trusted: have it from somebody you trust.

The exit status is 1, and the field is named, when anything in the file does not hold.`,
		Example: "  domicile proof verify-destruction certificate.json --genesis genesis.block",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if genesis == "" {
				return usage{errors.New("--genesis is missing"), "name the channel's genesis block; a local network has it in DIR/channel/genesis.block"}
			}
			file, err := a.readAll(args[0], certificate.MaxSize)
			if err != nil {
				return err
			}
			block, err := a.readAll(genesis, certificate.MaxGenesis)
			if err != nil {
				return err
			}
			report, err := certificate.Verify(file, block)
			if err != nil {
				return refusal(err)
			}
			if a.json {
				return a.printJSON(report)
			}
			return report.Write(a.out)
		},
	}
	c.Flags().StringVar(&genesis, "genesis", "", "`BLOCK` file with which the channel began")
	return c
}

// refusal is a certificate that does not hold.
func refusal(err error) error {
	return refused{fmt.Sprintf("%s: %s", record.CodeMismatch, err), "the certificate proves nothing; ask for another"}
}
