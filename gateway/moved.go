package gateway

import "domicile/chaincode/record"

// movedID is the id of the copy that a record gets in the collection it moves to.
// It follows from the record's own, so that a move that was interrupted finds its
// copy, and an import finds its record.
func movedID(indexKey []byte, id string) string {
	return record.ImportID(indexKey, "moved/"+id, 0, 0)
}
