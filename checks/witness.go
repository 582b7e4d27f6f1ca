package checks

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// mostLoads is how often files are read that change while they are.
const mostLoads = 5

// A witness knows what the files were like, by path, when a load began to read them:
// nil where they could not be seen. Files that change together, such as those of a
// mounted ConfigMap, which are exchanged at once under a link, must not be read one
// half before and one after; nor one by one while somebody copies them.
type witness map[string]fs.FileInfo

// see notes what the file is like before it is read.
func (w witness) see(path string) {
	if _, seen := w[path]; !seen {
		w[path] = look(path)
	}
}

func look(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// stands reports whether every file is as it was seen, and the paths mean the same.
func (w witness) stands(paths []string) bool {
	found, _ := files(paths)
	if slices.ContainsFunc(found, func(path string) bool { _, seen := w[path]; return !seen }) {
		return false
	}
	for path, before := range w {
		if now := look(path); (now == nil) != (before == nil) || now != nil && changed(before, now) {
			return false
		}
	}
	return true
}

// changed reports whether the file is another, or was written to. Of what is no file,
// such as a pipe, the times tell nothing.
func changed(before, now fs.FileInfo) bool {
	if !os.SameFile(before, now) {
		return true
	}
	return now.Mode().IsRegular() && (now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()))
}

// under is the path, from the folder where it is relative.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
