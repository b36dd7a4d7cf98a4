package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The plot: a bar for each contestant, with its quartiles as a whisker.

const (
	plotWidth  = 900
	barsFrom   = 360 // the names stand to the left
	barsTo     = 790 // and the numbers to the right
	rowsFrom   = 92
	rowHeight  = 26
	barHeight  = 14
	plotBottom = 56
)

// plotStyle has colours for light and dark, and a background of its own for each: a page
// may be dark where the system is light.
const plotStyle = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 } .small { font-size: 12px; fill: #59636e }
.back { fill: #ffffff } .grid { stroke: #d1d9e0 } .whisker { stroke: #1f2328; stroke-width: 1.5; fill: none }
.k0 { fill: #9aa4af } .k1 { fill: #6ea8dc } .k2 { fill: #c8558e }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .back { fill: #0d1117 } .grid { stroke: #30363d } .whisker { stroke: #e6edf3 }
.k0 { fill: #656d76 } .k1 { fill: #3f7fb8 } .k2 { fill: #c4508a }
}
</style>
`

var kinNames = map[kin]string{ofCaddy: "Caddy alone", ofOthers: "other ways to sign in", ofOurs: "instagram_auth"}

// plot returns the plot as SVG.
func (b *bench) plot() string {
	height := rowsFrom + rowHeight*len(b.entered) + plotBottom
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="CPU time per request of each contestant">`+"\n", plotWidth, height)
	svg.WriteString(plotStyle)
	fmt.Fprintf(&svg, `<rect class="back" width="%d" height="%d"/>`+"\n", plotWidth, height)
	svg.WriteString(`<text class="title" x="16" y="28">CPU time of the server per request</text>` + "\n")
	fmt.Fprintf(&svg, `<text class="small" x="16" y="48">Median of %d rounds, whiskers from the first to the third quartile; in parentheses the ratio to reverse_proxy. Shorter is better.</text>`+"\n", b.rounds)
	x := 16
	for k := ofCaddy; k <= ofOurs; k++ {
		fmt.Fprintf(&svg, `<rect class="k%d" x="%d" y="62" width="12" height="12"/><text class="small" x="%d" y="72">%s</text>`+"\n", k, x, x+18, kinNames[k])
		x += 40 + 7*len(kinNames[k])
	}
	b.drawAxis(&svg, height)
	scale := b.plotScale()
	proxy := b.find(bareProxy).column(cpuOf)
	for i, c := range b.entered {
		cpu := c.column(cpuOf)
		drawRow(&svg, row{name: c.name, kin: c.kin, y: rowsFrom + rowHeight*i, cpu: summarize(cpu), ratio: summarize(ratios(cpu, proxy)).median}, scale)
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

// plotScale returns how many microseconds the axis has: the next multiple of its step
// above all whiskers.
func (b *bench) plotScale() (end float64) {
	for _, c := range b.entered {
		end = max(end, summarize(c.column(cpuOf)).high)
	}
	step := stepFor(end)
	return math.Ceil(end/step) * step
}

// stepFor returns a round distance between lines of the grid, for about six of them.
func stepFor(end float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(end/6)))
	for _, factor := range []float64{1, 2, 5} {
		if end/(factor*power) <= 8 {
			return factor * power
		}
	}
	return 10 * power
}

func (b *bench) drawAxis(svg *strings.Builder, height int) {
	end := b.plotScale()
	step := stepFor(end)
	bottom := height - plotBottom
	for n := 0; float64(n)*step <= end*1.001; n++ {
		value := float64(n) * step
		x := barsFrom + value/end*(barsTo-barsFrom)
		fmt.Fprintf(svg, `<line class="grid" x1="%.1[1]f" y1="%[2]d" x2="%.1[1]f" y2="%[3]d"/><text class="small" x="%.1[1]f" y="%[4]d" text-anchor="middle">%[5]g</text>`+"\n", x, rowsFrom-6, bottom, bottom+18, value)
	}
	fmt.Fprintf(svg, `<text class="small" x="%d" y="%d" text-anchor="middle">CPU time per request, microseconds</text>`+"\n", (barsFrom+barsTo)/2, bottom+40)
}

// row is one bar.
type row struct {
	name  string
	kin   kin
	y     int
	cpu   summary
	ratio float64
}

func drawRow(svg *strings.Builder, r row, end float64) {
	at := func(v float64) float64 { return barsFrom + v/end*(barsTo-barsFrom) }
	middle := r.y + rowHeight/2
	fmt.Fprintf(svg, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", barsFrom-10, middle+4, html.EscapeString(shorten(r.name)))
	fmt.Fprintf(svg, `<rect class="k%d" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", r.kin, barsFrom, middle-barHeight/2, at(r.cpu.median)-barsFrom, barHeight)
	fmt.Fprintf(svg, `<path class="whisker" d="M%.1[1]f %[2]d h%.1[3]f M%.1[1]f %[4]d v8 M%.1[5]f %[4]d v8"/>`+"\n", at(r.cpu.low), middle, at(r.cpu.high)-at(r.cpu.low), middle-4, at(r.cpu.high))
	fmt.Fprintf(svg, `<text class="small" x="%.1f" y="%d">%s (%.2f×)</text>`+"\n", at(r.cpu.high)+8, middle+4, number(r.cpu.median), r.ratio)
}

// longestName is how many characters have room to the left of the bars.
const longestName = 50

func shorten(name string) string {
	if runes := []rune(name); len(runes) > longestName {
		return string(runes[:longestName-1]) + "…"
	}
	return name
}
