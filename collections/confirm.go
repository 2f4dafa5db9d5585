package collections

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Confirm returns the YAML of a private part with one more confirmation, or with
// the one of the same region and row replaced. Comments and the order of keys stay;
// file is its name in errors. What is read and what is returned are valid by
// [ParsePrivateYAML]; whether the row exists is for [PrivateCheck].
func Confirm(b []byte, file string, c Confirmation) ([]byte, error) {
	if _, err := ParsePrivateYAML(b, file); err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: is not YAML: %w", file, err)
	}
	list := sequence(doc.Content[0], "confirmations")
	entry := c.node()
	at := slices.IndexFunc(list.Content, func(n *yaml.Node) bool {
		return scalar(n, "region") == c.Region && scalar(n, "row") == c.Row
	})
	if at < 0 {
		list.Content = append(list.Content, entry)
	} else {
		old := list.Content[at]
		entry.HeadComment, entry.LineComment, entry.FootComment = old.HeadComment, old.LineComment, old.FootComment
		list.Content[at] = entry
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return nil, fmt.Errorf("%s: writing YAML: %w", file, err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("%s: writing YAML: %w", file, err)
	}
	if _, err := ParsePrivateYAML(out.Bytes(), file); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// sequence returns the list under a key of a mapping, made if it is not there.
func sequence(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content[i+1].Style = 0 // one entry a line, were it written [] before
			return m.Content[i+1]
		}
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	m.Content = append(m.Content, text(key), list)
	return list
}

// scalar returns the text under a key of a mapping, "" if there is none.
func scalar(m *yaml.Node, key string) string {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1].Value
		}
	}
	return ""
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func (c Confirmation) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, e := range [][2]string{
		{"region", c.Region}, {"row", c.Row}, {"sha256", c.SHA256}, {"by", c.By}, {"date", c.Date}, {"source", c.Source},
	} {
		n.Content = append(n.Content, text(e[0]), text(e[1]))
	}
	return n
}
