package inbox

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// unseen are the elements whose text nobody sees.
var unseen = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Title: true, atom.Template: true, atom.Noscript: true}

// inline are the elements that do not end a line.
var inline = map[atom.Atom]bool{
	atom.B: true, atom.Strong: true, atom.I: true, atom.Em: true, atom.U: true, atom.Span: true,
	atom.Font: true, atom.Small: true, atom.Big: true, atom.Code: true, atom.Tt: true, atom.Sub: true, atom.Sup: true, atom.Wbr: true,
}

var lineEnds = strings.NewReplacer("\n", " ", "\r", " ")

// A page is what is shown of HTML as it is read.
type page struct {
	strings.Builder
	link   string    // of the <a> that is open
	hidden atom.Atom // the element that is open and not seen; 0 without one
}

// textOfHTML is the text that a page shows, a block a line. The address of a link
// stands after its text, as " <https://…>": a magic link is often nothing else.
func textOfHTML(source string) string {
	var p page
	z := html.NewTokenizer(strings.NewReader(source))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() { // which is the end, whatever it is
		p.add(kind, z.Token())
	}
	p.endLink()
	return tidy(p.String())
}

func (p *page) add(kind html.TokenType, t html.Token) {
	switch {
	case p.hidden != 0:
		if kind == html.EndTagToken && t.DataAtom == p.hidden {
			p.hidden = 0
		}
	case kind == html.TextToken:
		p.WriteString(lineEnds.Replace(t.Data))
	case kind == html.CommentToken || kind == html.DoctypeToken:
	case kind == html.StartTagToken && unseen[t.DataAtom]:
		p.hidden = t.DataAtom
	case t.DataAtom == atom.A:
		p.endLink()
		p.link = hrefOf(t)
	case !inline[t.DataAtom]:
		p.WriteByte('\n')
	}
}

func (p *page) endLink() {
	if p.link != "" {
		p.WriteString(" <" + p.link + ">")
	}
	p.link = ""
}

func hrefOf(t html.Token) string {
	for _, a := range t.Attr {
		if a.Key == "href" {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// tidy is a text with single spaces and without empty lines.
func tidy(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	return strings.Join(lines, "\n")
}
