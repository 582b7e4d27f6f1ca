package inbox

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-message"
)

// maxCandidates is how many of the newest mails are looked at.
const maxCandidates = 200

// A Filter tells the mail that is waited for. What is "" says nothing; case does
// not count.
type Filter struct {
	// To is an address that the mail is for: one in To, Cc, Delivered-To or
	// X-Original-To, as a whole.
	To string
	// From and Subject are parts of these fields.
	From, Subject string
	// NotBefore is when a mail that is there at the first look must have arrived, by
	// the server's clock, which has seconds.
	NotBefore time.Time
}

// Look returns the newest mail that passes the filter, nil where there is none
// yet. With del it is deleted, or marked as deleted where the server cannot
// delete one mail alone; a mail that is so marked is never found. The mail that
// cannot be parsed is the error ErrNoMail, and every other error is of the mail
// server.
func (b *Inbox) Look(ctx context.Context, f Filter, del bool) (*Mail, error) {
	defer context.AfterFunc(ctx, func() { b.conn.Close() })()
	b.conn.left.Store(maxLook)
	first := !b.looked
	uids, err := b.candidates(f.NotBefore)
	if err != nil || len(uids) == 0 {
		return nil, err
	}
	uid, err := b.choose(uids, f, first)
	if err != nil || uid == 0 {
		return nil, err
	}
	m, err := b.fetch(uid)
	if err == nil && del {
		err = b.remove(uid)
	}
	return m, err
}

// TooOld is by how much the newest mail was too old that passed the filter but for
// its time of arrival; 0 where there was none.
func (b *Inbox) TooOld() time.Duration { return b.tooOld }

// candidates lists the mails to look at: at first those of the last days, then
// those that have come since. The search by time is no more than a narrowing: it
// is by days, of the server's time zone.
func (b *Inbox) candidates(notBefore time.Time) ([]imap.UID, error) {
	criteria := &imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagDeleted}, Since: notBefore.Add(-48 * time.Hour)}
	if b.looked {
		if err := b.client.Noop().Wait(); err != nil { // a server may show new mails only when asked
			return nil, b.explain("asking for news", err)
		}
		criteria.UID = []imap.UIDSet{{imap.UIDRange{Start: b.next, Stop: 0}}}
	}
	found, err := b.client.UIDSearch(criteria, nil).Wait()
	if err != nil {
		return nil, b.explain("searching", err)
	}
	set, _ := found.All.(imap.UIDSet)
	uids := newest(set, b.next)
	b.looked = true
	if len(uids) > 0 {
		b.next = uids[0] + 1
	}
	return uids, nil
}

// newest lists the last UIDs of a set, from the highest on down to the least.
func newest(set imap.UIDSet, least imap.UID) (uids []imap.UID) {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b imap.UIDRange) int { return cmp.Compare(b.Stop, a.Stop) })
	for _, r := range set {
		for uid := r.Stop; uid >= max(r.Start, least) && len(uids) < maxCandidates; uid-- {
			uids = append(uids, uid)
		}
	}
	slices.SortFunc(uids, func(a, b imap.UID) int { return cmp.Compare(b, a) })
	return slices.Compact(uids)
}

// fields are those of a header that are filtered by.
var fields = &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, Peek: true,
	HeaderFields: []string{"From", "To", "Cc", "Delivered-To", "X-Original-To", "Subject"}}

// choose returns the newest of the mails that passes the filter, 0 where none
// does. Only at the first look can one be too old.
func (b *Inbox) choose(uids []imap.UID, f Filter, first bool) (imap.UID, error) {
	found, err := b.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{fields}}).Collect()
	if err != nil {
		return 0, b.explain("reading headers", err)
	}
	best := imap.UID(0)
	for _, m := range found {
		if !f.passes(m.FindBodySection(fields)) {
			continue
		}
		old := f.NotBefore.Truncate(time.Second).Sub(m.InternalDate)
		if first && old > 0 {
			if b.tooOld == 0 || old < b.tooOld {
				b.tooOld = old
			}
			continue
		}
		best = max(best, m.UID)
	}
	return best, nil
}

// passes reports whether a header is that of a mail which is waited for.
func (f *Filter) passes(raw []byte) bool {
	e, _ := message.ReadWithOptions(bytes.NewReader(raw), &message.ReadOptions{MaxHeaderBytes: maxHeader})
	if e == nil {
		return false
	}
	h := decodedHeader(&e.Header)
	return f.isFor(h) && holds(h.Get("From"), f.From) && holds(h.Get("Subject"), f.Subject)
}

func holds(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

func (f *Filter) isFor(h http.Header) bool {
	if f.To == "" {
		return true
	}
	for _, name := range []string{"To", "Cc", "Delivered-To", "X-Original-To"} {
		for _, list := range h[name] {
			if strings.EqualFold(strings.Trim(list, " <>"), f.To) {
				return true
			}
			addresses, _ := mail.ParseAddressList(list)
			if slices.ContainsFunc(addresses, func(a *mail.Address) bool { return strings.EqualFold(a.Address, f.To) }) {
				return true
			}
		}
	}
	return false
}

// fetch reads a mail, or its first part where it is long.
func (b *Inbox) fetch(uid imap.UID) (*Mail, error) {
	whole := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: MaxMail}}
	found, err := b.client.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		return nil, b.explain("reading the mail", err)
	}
	for _, m := range found {
		if raw := m.FindBodySection(whole); m.UID == uid && raw != nil {
			return Parse(raw[:min(len(raw), MaxMail)])
		}
	}
	return nil, nil // somebody else has deleted it
}

// remove deletes one mail. EXPUNGE without UIDs (RFC 4315) would delete those that
// others have marked, so without them the mark is all.
func (b *Inbox) remove(uid imap.UID) error {
	set := imap.UIDSetNum(uid)
	mark := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := b.client.Store(set, mark, nil).Close(); err != nil {
		return b.explain("deleting the mail", err)
	}
	if caps := b.client.Caps(); !caps.Has(imap.CapUIDPlus) && !caps.Has(imap.CapIMAP4rev2) {
		return nil
	}
	if err := b.client.UIDExpunge(set).Close(); err != nil {
		return b.explain("deleting the mail", err)
	}
	return nil
}
