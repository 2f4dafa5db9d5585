package fhir

import "strconv"

// entryOverhead is what an entry of a Bundle may have beside its resource, in
// bytes: fullUrl, link, search, request, response, white space.
const entryOverhead = 1 << 20

// envelope reads the outermost object of a document member by member, and what it
// has under "entry" element by element, so that a Bundle of any length passes in
// the memory of one entry. Whether it is a Bundle shows only at the end, because
// resourceType may come last.
type envelope struct {
	src *source
	// entry receives every element of "entry", checked. The bytes are its own.
	entry func(ordinal int, at place, raw []byte) error

	resourceType, bundleType string
	// unsplittable says why the document cannot be split, should it have to be.
	unsplittable error
	// deep is the first place beyond MaxDepth, counted from the document: too deep
	// unless the document is split.
	deep error

	// keep collects the document without its entries in shell.
	keep  bool
	shell []byte

	names map[string]string // folded to exact
	left  int               // bytes allowed outside entries
}

// read reads one document, whose first byte is next.
func (e *envelope) read() error {
	e.names, e.left = map[string]string{}, MaxBytes
	if e.src.peek() != '{' {
		from := e.src.at
		if _, err := e.piece(MaxDepth, ""); err != nil {
			return err
		}
		return from.fail(NoResourceType, "")
	}
	e.src.take(1)
	for first := true; ; first = false {
		e.src.space(false)
		if first && e.src.peek() == '}' {
			break
		}
		if err := e.member(); err != nil {
			return err
		}
		e.src.space(false)
		c := e.src.peek()
		if c != '}' && c != ',' {
			return e.unexpected("")
		}
		if c == '}' {
			break
		}
		e.src.take(1)
	}
	e.src.take(1)
	return nil
}

// unexpected reports the next byte, or the end of the input.
func (e *envelope) unexpected(path string) error {
	if err := e.src.failed(); err != nil {
		return err
	}
	at := e.src.at
	if e.src.peek() >= 0x80 {
		b, err := e.src.value(MaxBytes, path) // let the scanner tell bad UTF-8
		if err != nil {
			return err
		}
		_, err = check(b, MaxDepth, MaxDepth, at, path)
		return err
	}
	return at.fail(NotJSON, path)
}

// piece reads and checks a value outside of entries, of at most limit levels.
func (e *envelope) piece(limit int, path string) ([]byte, error) {
	from := e.src.at
	b, err := e.src.value(e.left, path)
	if err != nil {
		return nil, err
	}
	e.left -= len(b)
	_, err = check(b, limit, limit, from, path)
	return b, err
}

func (e *envelope) member() error {
	if e.src.peek() != '"' {
		return e.unexpected("")
	}
	from := e.src.at
	quoted, err := e.piece(0, "")
	if err != nil {
		return err
	}
	raw := quoted[1 : len(quoted)-1]
	name, path := unquote(raw), safeName(raw)
	folded := string(foldName(nil, raw))
	if old, ok := e.names[folded]; ok {
		if old == name {
			return from.fail(DuplicateKey, path)
		}
		return from.fail(CaseVariantKey, path)
	}
	e.names[folded] = name
	e.src.space(false)
	if e.src.peek() != ':' {
		return e.unexpected(path)
	}
	e.src.take(1)
	e.src.space(false)
	from = e.src.at
	if name == "entry" && e.src.peek() == '[' {
		return e.entries()
	}
	v, err := e.piece(MaxDepth-1, path)
	switch {
	case err != nil:
		return err
	case name == "resourceType":
		e.resourceType, _ = text(v)
	case name == "type":
		e.bundleType, _ = text(v)
	case name == "entry":
		e.refuseSplit(from.fail(BadBundle, path))
	}
	if e.keep {
		e.shell = appendMember(e.shell, quoted, v)
	}
	return nil
}

// appendMember adds a member to an object whose end is missing. The name is quoted.
func appendMember(object, name, value []byte) []byte {
	if len(object) == 0 {
		object = append(object, '{')
	} else {
		object = append(object, ',')
	}
	return append(append(append(object, name...), ':'), value...)
}

func (e *envelope) refuseSplit(err error) {
	if e.unsplittable == nil {
		e.unsplittable = err
	}
}

func (e *envelope) entries() error {
	e.src.take(1)
	if e.src.space(false); e.src.peek() == ']' {
		e.src.take(1)
		return nil
	}
	for i := 0; ; i++ {
		e.src.space(false)
		if err := e.element(i); err != nil {
			return err
		}
		e.src.space(false)
		c := e.src.peek()
		if c != ']' && c != ',' {
			return e.unexpected(entryPath(i))
		}
		e.src.take(1)
		if c == ']' {
			return nil
		}
	}
}

func entryPath(i int) string { return "entry[" + strconv.Itoa(i) + "]" }

// element reads one element of "entry". Its resource may have MaxDepth levels of
// its own.
func (e *envelope) element(i int) error {
	from := e.src.at
	b, err := e.src.value(MaxBytes+entryOverhead, entryPath(i))
	if err != nil {
		return err
	}
	softAt, err := check(b, MaxDepth+1, MaxDepth-2, from, entryPath(i))
	if err != nil {
		return err
	}
	if softAt >= 0 && e.deep == nil {
		e.deep = from.after(b[:softAt]).fail(TooDeep, entryPath(i))
	}
	return e.entry(i, from, b)
}
