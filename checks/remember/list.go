package remember

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Stored is what a folder holds of one account, or why it cannot be read.
type Stored struct {
	Account Account // zero where Err is not nil
	Values  map[string]Value
	Err     error // names the file, and nothing of any value
}

// List reads what a folder that [Open] takes holds, by pool and account. It changes
// nothing and takes no lock, so that it may be asked while another process has the
// folder open: files are replaced as a whole, so each is as it was at one moment. A
// folder in which nothing was ever remembered is an empty list.
func List(dir string, key Key) (all []Stored, err error) {
	folder := filepath.Join(dir, folderName)
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("listing the state directory %q: %w", dir, plainError(err))
	}
	paths, err := accountFiles(folder)
	if err != nil {
		return nil, fmt.Errorf("listing the state directory %q: %w", dir, plainError(err))
	}
	for _, path := range paths {
		a, values, err := readFile(path, key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // it has just become an encrypted one, or was moved away
		case err != nil:
			all = append(all, Stored{Err: err})
		default:
			all = append(all, Stored{Account: a, Values: values})
		}
	}
	slices.SortStableFunc(all, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(a.Account.Pool, b.Account.Pool), cmp.Compare(a.Account.Name, b.Account.Name))
	})
	return all, nil
}

// accountFiles lists the accounts' files: where one is there plain and encrypted, the
// encrypted one.
func accountFiles(folder string) (paths []string, err error) {
	pools, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, pool := range pools {
		if strings.HasPrefix(pool.Name(), ".") || !pool.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(folder, pool.Name()))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			path := filepath.Join(folder, pool.Name(), file.Name())
			sealed := slices.ContainsFunc(files, func(f fs.DirEntry) bool { return f.Name() == file.Name()+sealedEnd })
			if strings.HasSuffix(path, plainEnd+sealedEnd) || strings.HasSuffix(path, plainEnd) && !sealed {
				paths = append(paths, path)
			}
		}
	}
	return paths, err
}
