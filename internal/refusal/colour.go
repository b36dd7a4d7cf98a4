package refusal

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// colour is one of the sRGB space, as written in a style sheet. The zero value is none.
type colour struct {
	r, g, b uint8
	is      bool
}

var hexColour = regexp.MustCompile(`^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)

// parseColour reads a colour such as #7a3bb8 or #73b, with or without the #. "" is none.
func parseColour(text string) (c colour, ok bool) {
	if text == "" {
		return colour{}, true
	}
	if !hexColour.MatchString(text) {
		return colour{}, false
	}
	digits := text
	if digits[0] == '#' {
		digits = digits[1:]
	}
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return colour{}, false
	}
	return colour{uint8(n >> 16), uint8(n >> 8), uint8(n), true}, true
}

// String returns the colour for a style sheet.
func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// luminance is the relative luminance of WCAG 2, between 0 and 1.
func (c colour) luminance() float64 {
	linear := func(channel uint8) float64 {
		v := float64(channel) / 255
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*linear(c.r) + .7152*linear(c.g) + .0722*linear(c.b)
}

// contrast is the ratio of WCAG 2, between 1 and 21.
func (c colour) contrast(other colour) float64 {
	a, b := c.luminance(), other.luminance()
	return (math.Max(a, b) + .05) / (math.Min(a, b) + .05)
}

// mixed returns the colour with a part of another one, between 0 and 1.
func (c colour) mixed(other colour, part float64) colour {
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-part) + float64(b)*part)) }
	return colour{mix(c.r, other.r), mix(c.g, other.g), mix(c.b, other.b), true}
}

var (
	black = colour{0, 0, 0, true}
	white = colour{255, 255, 255, true}

	// The grounds of cards in the style sheet.
	paperLight = white
	paperDark  = colour{0x1f, 0x1f, 0x23, true}
)

// minShape is the least contrast between a button and its ground in WCAG 2.2 (1.4.11).
const minShape = 3

// textOn returns black or white, whichever can be read better on a colour. One of the two always
// has a contrast of more than 4.5.
func textOn(c colour) colour {
	if c.contrast(black) >= c.contrast(white) {
		return black
	}
	return white
}

// edgeOn returns a colour for the edge of a button that its ground does not swallow: that of the
// button, or the nearest to it that stands out.
func edgeOn(button, paper colour) colour {
	ink := textOn(paper)
	edge := button
	for part := .1; edge.contrast(paper) < minShape && part <= 1; part += .1 {
		edge = button.mixed(ink, part)
	}
	return edge
}

// accentStyle returns the rules that give the pages a colour, in light and in dark.
func accentStyle(c colour) string {
	rules := func(paper colour) string {
		return fmt.Sprintf(":root { --accent: %s; --on-accent: %s; --edge: %s; }", c, textOn(c), edgeOn(c, paper))
	}
	return rules(paperLight) + "\n@media (prefers-color-scheme: dark) { " + rules(paperDark) + " }\n"
}
