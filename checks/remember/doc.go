// Package remember keeps what one run of a flow leaves for a later one, by
// account: single-use refresh tokens, the counters of HOTP and of passkeys,
// tokens that have expired and must be refused.
//
// A [Store] holds [Value]s, each under a name, for every [Account]. It lives in
// a folder, or in memory, where it ends with the process.
//
// # What is synced before what
//
// A value is on the disk before anybody may use it: [Store.Put], [Store.Take],
// [Store.Delete] and [Store.Increment] return when what they did outlives a loss
// of power, and not before. So a counter is never given out twice, and a token
// that was taken never comes back. Each change goes in this order:
//
//  1. the whole file of the account, with the change, into a temporary file in
//     the same folder, which is synced;
//  2. a rename onto the file; the folder is synced;
//  3. where a key has just come into use, the plain file is removed and the
//     folder synced again;
//  4. the copy in memory changes; the call returns.
//
// A crash anywhere leaves the file as it was or as it was to be, never half of
// it. A call that fails has changed nothing in memory: the next one reads the
// file again, after syncing the folder, and goes by what is there. That may be
// the change, if only the last sync of a folder failed; it is then on the disk
// as well. A counter may so skip a number, and never repeats one.
//
// # Files
//
// An account's file is remember/POOL/ACCOUNT.json in the folder that was opened,
// with every character but a-z, 0-9, - and _ of the names escaped, so that no
// name leads elsewhere, and no two names meet where case or Unicode forms do not
// count. With a [Key] it is ACCOUNT.json.age, encrypted in the format
// age-encryption.org/v1; where both are there, the encrypted one is the newer.
//
// Files have mode 0600 and folders 0700. Those found to be looser, as after a
// restore or on a volume whose group a container platform sets, are put right
// and warned about: others may have read them. Windows has no such modes; there
// files inherit the folder's access list.
//
// A file is the store's own while it is open; edit it only while it is not.
//
// # Damage
//
// A file that cannot be read back in full is an error for its account, in every
// call, until somebody has repaired it or moved it away; no restart is needed
// then. It is never overwritten and never taken for empty: a counter that began
// again at its start would be refused by the bank, and might lock the account.
// Other accounts go on. A missing file is an account of which nothing is
// remembered.
//
// Values are secrets. No error, warning or text of this package holds any part
// of one, nor anything else of a file.
package remember
