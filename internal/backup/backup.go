// Package backup writes and reads backups: one file that holds everything of an installation
// but its key-encryption key, as it was at one moment, whichever engine it came from.
//
// The file is an age file (age-encryption.org/v1), whose key is wrapped under the
// key-encryption key (seal.BackupKey): who lacks that reads nothing, and a changed, cut or
// lengthened file does not open. Inside is a gzip stream of JSON lines: a header, then for
// each table a line with its name and columns and a line for each row, and at the end a line
// that counts them.
package backup

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"filippo.io/age"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// ErrDamaged is a file that is no backup, or not a whole and unchanged one.
var ErrDamaged = fault.New(fault.Precondition, "the backup is damaged")

// format is the version of what is inside.
const format = 1

// maxRow bounds a line, in bytes: a template of 4 MB, and what JSON adds.
const maxRow = 16 << 20

// Header is what a backup says of itself.
type Header struct {
	Format       int       `json:"format"`
	Installation string    `json:"installation_id"`
	Release      string    `json:"release"` // that made it
	Schema       int64     `json:"schema"`  // version of the tables
	Created      time.Time `json:"created_at"`
	// Files are small files of the data directory that belong to the store, by name. None
	// of them is secret.
	Files map[string]string `json:"files,omitempty"`
}

// Summary is what a backup holds.
type Summary struct {
	Header
	Rows   int64            `json:"rows"`
	Tables map[string]int64 `json:"tables"`
}

// line is a line between the header and the last one: the beginning of a table.
type line struct {
	Table   string   `json:"table,omitempty"`
	Columns []string `json:"columns,omitempty"`
	End     bool     `json:"end,omitempty"`
	Rows    int64    `json:"rows,omitempty"` // of all tables, at the end
}

// Write makes a backup of a store that may be in use. h is completed with what the store says.
func Write(ctx context.Context, db *store.DB, key seal.BackupKey, h Header, w io.Writer) (Summary, error) {
	sealed, err := age.Encrypt(w, key)
	if err != nil {
		return Summary{}, fmt.Errorf("begin a backup: %w", err)
	}
	packed := gzip.NewWriter(sealed)
	out := &writer{json: json.NewEncoder(packed), sum: Summary{Header: h, Tables: map[string]int64{}}}
	out.json.SetEscapeHTML(false)
	err = db.Dump(ctx, func(version int64) (store.Sink, error) {
		out.sum.Format, out.sum.Schema = format, version
		return out, out.json.Encode(out.sum.Header)
	})
	if err == nil {
		err = out.json.Encode(line{End: true, Rows: out.sum.Rows})
	}
	if err != nil {
		return Summary{}, err
	}
	if err := errors.Join(packed.Close(), sealed.Close()); err != nil {
		return Summary{}, fmt.Errorf("write a backup: %w", err)
	}
	return out.sum, nil
}

// writer is the store's sink.
type writer struct {
	json  *json.Encoder
	sum   Summary
	table string
	row   []any
}

// Table implements store.Sink.
func (w *writer) Table(name string, columns []string) error {
	w.table = name
	w.sum.Tables[name] = 0
	return w.json.Encode(line{Table: name, Columns: columns})
}

// binary is bytes in a row.
type binary struct {
	Base64 string `json:"b"`
}

// Row implements store.Sink.
func (w *writer) Row(values []any) error {
	w.row = w.row[:0]
	for _, v := range values {
		switch v := v.(type) {
		case []byte:
			w.row = append(w.row, binary{base64.StdEncoding.EncodeToString(v)})
		case string:
			if !utf8.ValidString(v) {
				return fmt.Errorf("back up table %s: a text is not UTF-8", w.table)
			}
			w.row = append(w.row, v)
		case int64, bool, nil:
			w.row = append(w.row, v)
		default:
			return fmt.Errorf("back up table %s: a value of type %T", w.table, v)
		}
	}
	w.sum.Rows++
	w.sum.Tables[w.table]++
	return w.json.Encode(w.row)
}

// Reader reads a backup. It is the store's source.
type Reader struct {
	Header Header

	lines  *bufio.Reader
	unread []byte // a line that was looked at and is still to be read; nil: none
	table  string
	sum    Summary
}

// Open begins to read a backup. Errors: ErrDamaged, seal.ErrOtherKEK, and those of finding
// the key.
func Open(r io.Reader, key seal.BackupKey) (*Reader, error) {
	plain, err := age.Decrypt(r, key)
	if err != nil {
		if fault.KindOf(err) != fault.Internal {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrDamaged.With("this is not a whole backup of sealring: its beginning cannot be read"), err)
	}
	unpacked, err := gzip.NewReader(plain)
	if err != nil {
		return nil, damaged(err)
	}
	b := &Reader{lines: bufio.NewReaderSize(unpacked, 64<<10)}
	text, err := b.line()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &b.Header); err != nil {
		return nil, damaged(err)
	}
	if b.Header.Format != format {
		return nil, ErrDamaged.With("the backup has the format %d and this release reads %d: use the release that wrote it", b.Header.Format, format)
	}
	b.sum = Summary{Header: b.Header, Tables: map[string]int64{}}
	return b, nil
}

// damaged wraps a failure to read.
func damaged(err error) error {
	return fmt.Errorf("%w: %w", ErrDamaged.With("the backup is damaged: it was changed or cut, or it was not written to its end"), err)
}

// line reads one line.
func (b *Reader) line() ([]byte, error) {
	var whole []byte
	for {
		part, more, err := b.lines.ReadLine()
		if err != nil {
			return nil, damaged(err)
		}
		if whole = append(whole, part...); len(whole) > maxRow {
			return nil, damaged(errors.New("a line is too long"))
		}
		if !more {
			return whole, nil
		}
	}
}

// take returns the next line: the one put back, or a new one.
func (b *Reader) take() ([]byte, error) {
	if text := b.unread; text != nil {
		b.unread = nil
		return text, nil
	}
	text, err := b.line()
	if err == nil && len(text) == 0 {
		err = damaged(errors.New("a line is empty"))
	}
	return text, err
}

// Table implements store.Source.
func (b *Reader) Table() (string, []string, error) {
	for {
		text, err := b.take()
		if err != nil {
			return "", nil, err
		}
		if text[0] == '[' { // a row that nobody wanted
			b.count()
			continue
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return "", nil, damaged(err)
		}
		if l.End {
			return "", nil, b.end(l)
		}
		b.table = l.Table
		b.sum.Tables[l.Table] = 0
		return l.Table, l.Columns, nil
	}
}

// count counts a row.
func (b *Reader) count() {
	b.sum.Rows++
	b.sum.Tables[b.table]++
}

// end checks the last line and that the file, whose last part authenticates all, ends with it.
func (b *Reader) end(l line) error {
	if l.Rows != b.sum.Rows {
		return ErrDamaged.With("the backup is damaged: it holds %d rows of %d", b.sum.Rows, l.Rows)
	}
	switch _, err := b.lines.ReadByte(); {
	case err == nil:
		return ErrDamaged.With("the backup is damaged: something follows its end")
	case !errors.Is(err, io.EOF):
		return damaged(err)
	}
	b.unread = fmt.Appendf(nil, `{"end":true,"rows":%d}`, b.sum.Rows) // for whoever asks again
	return io.EOF
}

// Row implements store.Source.
func (b *Reader) Row() ([]any, error) {
	text, err := b.take()
	if err != nil {
		return nil, err
	}
	if text[0] != '[' {
		b.unread = text
		return nil, nil
	}
	b.count()
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, damaged(err)
	}
	row := make([]any, len(raw))
	for i, r := range raw {
		if row[i], err = value(r); err != nil {
			return nil, damaged(err)
		}
	}
	return row, nil
}

// value reads what Row of a writer wrote.
func value(raw json.RawMessage) (any, error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{':
		var b binary
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, err
		}
		return base64.StdEncoding.Strict().DecodeString(b.Base64)
	case 't', 'f':
		var b bool
		err := json.Unmarshal(raw, &b)
		return b, err
	case 'n':
		return nil, nil
	}
	var n int64
	err := json.Unmarshal(raw, &n)
	return n, err
}

// Verify reads a backup to its end and says what it holds, without restoring anything.
// Errors: those of Open.
func Verify(r io.Reader, key seal.BackupKey) (Summary, error) {
	b, err := Open(r, key)
	if err != nil {
		return Summary{}, err
	}
	for {
		switch _, _, err := b.Table(); {
		case errors.Is(err, io.EOF):
			return b.sum, nil
		case err != nil:
			return Summary{}, err
		}
		for {
			row, err := b.Row()
			if err != nil {
				return Summary{}, err
			}
			if row == nil {
				break
			}
		}
	}
}
