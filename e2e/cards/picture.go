package main

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"maps"
	"slices"
)

const gap = 20 // between cards and around them, in pixels

var (
	ground = color.RGBA{0xe4, 0xe6, 0xeb, 0xff}
	border = color.RGBA{0xb8, 0xbc, 0xc6, 0xff}
)

// sideBySide puts cards into one picture.
func sideBySide(cards []image.Image) *image.RGBA {
	wide, high := gap, 0
	for _, card := range cards {
		wide += card.Bounds().Dx() + gap
		high = max(high, card.Bounds().Dy()+2*gap)
	}
	picture := image.NewRGBA(image.Rect(0, 0, wide, high))
	draw.Draw(picture, picture.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	left := gap
	for _, card := range cards {
		place := image.Rect(left, gap, left+card.Bounds().Dx(), gap+card.Bounds().Dy())
		draw.Draw(picture, place.Inset(-1), image.NewUniform(border), image.Point{}, draw.Src)
		draw.Draw(picture, place, card, card.Bounds().Min, draw.Src)
		left += card.Bounds().Dx() + gap
	}
	return picture
}

// fewColours gives a picture a palette of its most frequent colours, which makes the file small.
func fewColours(picture *image.RGBA) image.Image {
	count := make(map[color.RGBA]int)
	for i := 0; i < len(picture.Pix); i += 4 {
		count[color.RGBA{picture.Pix[i], picture.Pix[i+1], picture.Pix[i+2], 0xff}]++
	}
	frequent := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(number(a), number(b)))
	})
	var palette color.Palette
	for _, c := range frequent[:min(len(frequent), 256)] {
		palette = append(palette, c)
	}
	few := image.NewPaletted(picture.Bounds(), palette)
	draw.Draw(few, few.Bounds(), picture, image.Point{}, draw.Src)
	return few
}

// number makes the order of equally frequent colours the same each time.
func number(c color.RGBA) int { return int(c.R)<<16 | int(c.G)<<8 | int(c.B) }
