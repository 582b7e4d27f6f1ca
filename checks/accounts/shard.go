package accounts

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Shard is the share of every pool that one of several instances has. The zero
// value is the whole of it.
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
	if s.Of <= 1 {
		return true
	}
	// A pool's name has no slash in it. Part of the format: it must never change.
	sum := sha256.Sum256([]byte(pool + "/" + account))
	return binary.BigEndian.Uint64(sum[:])%uint64(s.Of) == uint64(s.Number-1)
}
