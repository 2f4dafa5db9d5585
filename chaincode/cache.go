package chaincode

import "sync"

// cacheSize is how many parsed documents are kept. There is one of each region
// and one of each log, and a few older ones during a change.
const cacheSize = 64

// cache keeps parsed documents by their bytes, so that equal state always gives
// equal answers whether it was parsed before or not.
type cache struct {
	mu   sync.Mutex
	docs map[string]any
}

func newCache() *cache { return &cache{docs: map[string]any{}} }

// parsed returns the parsed form of raw, from the cache of kind or by parse.
// What it returns is shared and must not be changed. Errors are not kept.
func parsed[T any](c *cache, kind string, raw []byte, parse func([]byte) (T, error)) (T, error) {
	key := kind + "\x00" + string(raw)
	c.mu.Lock()
	doc, ok := c.docs[key]
	c.mu.Unlock()
	if ok {
		return doc.(T), nil
	}
	t, err := parse(raw)
	if err != nil {
		return t, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.docs) >= cacheSize {
		clear(c.docs)
	}
	c.docs[key] = t
	return t, nil
}
