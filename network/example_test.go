package network_test

import (
	"fmt"

	"domicile/network"
)

// Every region must agree to a change of the channel or of the chaincode,
// however many organizations the others have.
func Example() {
	t := network.DefaultTopology()
	fmt.Println(t.GovernancePolicy("admin"))
	fmt.Println(t.AnchorPolicy())
	// Output:
	// AND(OR('UsHospital.admin', 'UsPayer.admin'), OR('EuHospital.admin', 'EuSponsor.admin'), OR('UkTrust.admin'), OR('AuHealth.admin'))
	// OutOf(2, OR('UsHospital.peer', 'UsPayer.peer'), OR('EuHospital.peer', 'EuSponsor.peer'), OR('UkTrust.peer'), OR('AuHealth.peer'))
}
