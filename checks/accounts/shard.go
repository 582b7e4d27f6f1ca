package accounts

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Shard is the share that one of several instances has: of the flows, and of the
// accounts of every pool. The zero value is the whole of it.
type Shard struct {
	Number int // 1 to Of
	Of     int // 0 where nothing is shared
}

// maxShards bounds the instances.
const maxShards = 1000

// ParseShard reads a shard as in 2/3, the second of three.
func ParseShard(text string) (Shard, error) {
	number, of, _ := strings.Cut(text, "/")
	n, err1 := strconv.ParseUint(number, 10, 16)
	m, err2 := strconv.ParseUint(of, 10, 16)
	s := Shard{int(n), int(m)}
	if err1 != nil || err2 != nil || m > maxShards || n < 1 || n > m || s.String() != text {
		return Shard{}, errors.New("want a shard such as 2/3, the second of three")
	}
	return s, nil
}

// String writes the shard as [ParseShard] reads it.
func (s Shard) String() string {
	if s.Of == 0 {
		return "1/1"
	}
	return fmt.Sprintf("%d/%d", s.Number, s.Of)
}

// Owns reports whether the account is of the shard. Of the shards of one number Of,
// exactly one owns it, whatever else there is in the pool: to add an account gives
// no other one away, so that instances may read a new configuration one after the
// other. A change of Of deals out everything anew: stop all instances for it.
func (s Shard) Owns(pool, account string) bool {
	return s.owns(pool + "/" + account) // a pool's name has no slash in it
}

// OwnsBeside is Owns for instances that each have shards of their own, such as those of
// one location: whose an account is by the one says nothing of whose it is by the other.
func (s Shard) OwnsBeside(pool, account string) bool {
	return s.owns("beside//" + pool + "/" + account)
}

// OwnsFlows reports whether the flows that stay together under the key are of the shard,
// which is as stable: exactly one has them, whatever other flows there are.
func (s Shard) OwnsFlows(key string) bool { return s.owns("flows//" + key) }

// owns deals out by a hash of the text. Both are part of the format: they must never change.
func (s Shard) owns(text string) bool {
	if s.Of <= 1 {
		return true
	}
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:])%uint64(s.Of) == uint64(s.Number-1)
}
