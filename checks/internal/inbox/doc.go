// Package inbox reads one-time codes and magic links out of a test inbox: IMAP,
// RFC 9051 and RFC 3501, over a connection that somebody else has opened.
//
// An [Inbox] is one connection with one mailbox selected. [Inbox.Look] says
// whether the mail that is waited for is there; asked again, it looks at what has
// come since. Mails are found by their UIDs, which rise with their arrival and
// have nothing to do with a clock; only of those that are there at the first look
// does the server's own time of arrival say whether they are too old.
//
// What goes wrong is an error that tells of the mail server; it holds no text of a
// mail and none of the server's. [Parse] is pure, and what it cannot read of a
// broken mail it leaves out.
package inbox
