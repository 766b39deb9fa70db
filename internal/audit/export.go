package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/sealring/sealring/internal/store"
)

// maxLine bounds a line of an exported file, in bytes.
const maxLine = 1 << 20

// exportedRecord is a line of Export: all that link needs, so that whoever has the lines
// can check the chain.
type exportedRecord struct {
	Server string          `json:"server"`
	Seq    int64           `json:"seq"`
	Prev   hexBytes        `json:"prev"`
	Hash   hexBytes        `json:"hash"`
	Event  json.RawMessage `json:"event"` // byte for byte what Hash covers
}

// Export writes the records of every chain in order, one JSON object a line, and returns
// how many. Of f, Kinds, From and To select.
func (l *Log) Export(ctx context.Context, w io.Writer, f Filter) (int64, error) {
	var n int64
	out := bufio.NewWriter(w)
	err := l.db.View(ctx, func(tx *store.Tx) error {
		names, err := servers(ctx, tx, statement{})
		if err != nil {
			return err
		}
		for _, server := range names {
			err := rows(ctx, tx, server, 0, func(r row) error {
				if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, Kind(r.kind)) || r.at < f.From.Unix() || !f.To.IsZero() && r.at >= f.To.Unix() {
					return nil
				}
				n++
				return exportRow(out, server, r)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return n, fmt.Errorf("export the audit log: %w", err)
	}
	return n, nil
}

// exportRow writes one line. A text that is no JSON any more stands as a string: it is for
// verify to say what happened to it.
func exportRow(w io.Writer, server string, r row) error {
	event := json.RawMessage(r.body)
	if !json.Valid(event) {
		event, _ = json.Marshal(r.body) // a string always encodes
	}
	line, err := json.Marshal(exportedRecord{server, r.seq, r.prev, r.hash, event})
	if err != nil {
		return fmt.Errorf("encode audit record %s/%d: %w", server, r.seq, err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// export appends to File the checkpoints that are not in it yet. c.mu is held.
func (c *Checkpoints) export(ctx context.Context) (err error) {
	f, err := os.OpenFile(c.File, os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("open the file of checkpoints: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			c.exported = 0 // look again where the file ends
		}
	}()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return errors.Join(fmt.Errorf("%s: %w: not a regular file", c.File, fs.ErrInvalid), err)
	}
	var text bytes.Buffer
	if c.exported == 0 {
		if c.exported, err = c.resume(f, &text); err != nil {
			return err
		}
	}
	last := c.exported
	err = c.Log.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var s signed
			var signature []byte
			if err := r.Scan(&last, &s.Body, &signature); err != nil {
				return fmt.Errorf("scan audit checkpoint: %w", err)
			}
			s.Signature = signature
			line, err := json.Marshal(s)
			text.Write(append(line, '\n'))
			return err
		}, "SELECT number, body, signature FROM audit_checkpoints WHERE number > $1 ORDER BY number LIMIT $2", c.exported, pageRecords)
	})
	if err != nil {
		return err
	}
	if _, err := f.Write(text.Bytes()); err != nil {
		return fmt.Errorf("write the file of checkpoints: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write the file of checkpoints: %w", err)
	}
	c.exported = last
	return nil
}

// resume finds the last checkpoint in a file that is continued; a new file
// begins with the first of this process. A line that a crash cut is ended, and stays.
func (c *Checkpoints) resume(f *os.File, text *bytes.Buffer) (int64, error) {
	lines, _, err := readExported(f)
	if err != nil {
		return 0, err
	}
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		end := make([]byte, 1)
		if _, err := f.ReadAt(end, info.Size()-1); err == nil && end[0] != '\n' {
			text.WriteByte('\n')
		}
	}
	if len(lines) == 0 {
		return c.began - 1, nil
	}
	return lines[len(lines)-1].Number, nil
}

// readExported reads lines of checkpoints, unchecked, and counts those that a crash cut.
func readExported(r io.Reader) (lines []signed, torn int, err error) {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxLine)
	for scan.Scan() {
		var s signed
		var raw struct {
			Body      string   `json:"checkpoint"`
			Signature hexBytes `json:"signature"`
		}
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		if json.Unmarshal(scan.Bytes(), &raw) != nil || json.Unmarshal([]byte(raw.Body), &s.statement) != nil {
			torn++
			continue
		}
		s.Body, s.Signature = raw.Body, raw.Signature
		lines = append(lines, s)
	}
	if err := scan.Err(); err != nil {
		return nil, 0, fmt.Errorf("read exported checkpoints: %w", err)
	}
	return lines, torn, nil
}
