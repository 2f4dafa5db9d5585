package gateway

// Position is how far a reader of the feed has come.
type Position struct {
	// Block is the block of the last transaction read; reading goes on in it.
	Block uint64 `json:"block"`
	// TxID is the last transaction read of Block; empty: none of it.
	TxID string `json:"txId,omitempty"`
	// Records is how many records of TxID were handed out.
	Records int `json:"records,omitempty"`
}

// Checkpoint keeps a [Position] across restarts.
type Checkpoint interface {
	// Load returns the position saved last, the zero Position when there is none.
	Load() (Position, error)
	// Save replaces the position. When it returns, the position is durable.
	Save(Position) error
}
