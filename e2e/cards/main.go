// Command cards makes the picture of the README from the running demo: the page that asks to sign
// in, the page of the site behind, and the account page, side by side. scripts/cards calls it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const (
	width  = 390 // of a telephone
	height = 660
	person = "jayposiris"
	button = `a[href^="/instagram_auth/login"]` // of the page that asks to sign in
)

func main() {
	out := flag.String("out", "demo.png", "the file to write")
	port := flag.String("port", "8080", "the port of the demo")
	flag.Parse()
	if err := run(*out, *port); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out, port string) error {
	folder, err := os.MkdirTemp("", "cards")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	stop, err := startDemo(folder, port)
	if err != nil {
		return err
	}
	defer stop()
	cards, err := photograph(filepath.Join(folder, "profile"), "http://localhost:"+port)
	if err != nil {
		return err
	}
	var picture bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&picture, fewColours(sideBySide(cards))); err != nil {
		return err
	}
	return os.WriteFile(out, picture.Bytes(), 0o644)
}

// startDemo builds and runs the demo, and returns what ends it.
func startDemo(folder, port string) (stop func(), err error) {
	binary := filepath.Join(folder, "caddy")
	build := exec.Command("go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = ".."
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the demo: %w\n%s", err, said)
	}
	demo := exec.Command(binary, "demo", "--port", port)
	demo.Stderr = os.Stderr
	output, err := demo.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := demo.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		_ = demo.Wait()
	}
	if line, _ := bufio.NewReader(output).ReadString('\n'); !strings.HasPrefix(line, "Demo ready") {
		stop()
		return nil, errors.New("the demo does not start")
	}
	return stop, nil
}

// steady gives what differs from run to run a fixed value.
const steady = `[...document.querySelectorAll("time")].forEach((t, i) => {
	t.textContent = "2026-01-0" + (i + 1) + " 10:00"
})`

// photograph signs a person in and takes a picture of each page.
func photograph(profile, origin string) (cards []image.Image, err error) {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(profile), chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck, chromedp.Headless,
		chromedp.NoSandbox, chromedp.Flag("disable-gpu", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-lcd-text", true), chromedp.Flag("font-render-hinting", "none"),
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	browser, closeTab := chromedp.NewContext(allocator)
	defer closeTab()
	if err := chromedp.Do(browser); err != nil {
		return nil, fmt.Errorf("starting Chromium: %w", err)
	}
	tab, cancelTab := context.WithTimeout(browser, 2*time.Minute)
	defer cancelTab()
	first := chromedp.Navigate(origin + "/private/")
	if err := chromedp.Do(tab, light, chromedp.EmulateViewport(width, height), first); err != nil {
		return nil, err
	}
	for _, page := range []struct {
		has  string   // an element that tells that the page is there
		then []string // what is clicked afterwards
	}{
		{button, []string{button, `input[value="` + person + `"]`, "#allow"}},
		{"table", nil},
		{"dl", nil},
	} {
		if page.has == "dl" {
			if err := chromedp.Do(tab, chromedp.Navigate(origin+"/instagram_auth/account")); err != nil {
				return nil, err
			}
		}
		if err := wait(tab, page.has); err != nil {
			return nil, err
		}
		if _, err := chromedp.Run(tab, chromedp.Evaluate[any](steady)); err != nil {
			return nil, err
		}
		shot, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
		if err != nil {
			return nil, err
		}
		card, err := png.Decode(bytes.NewReader(shot))
		if err != nil {
			return nil, err
		}
		cards = append(cards, card)
		for _, selector := range page.then {
			if err := wait(tab, selector); err != nil {
				return nil, err
			}
			// The answer may get lost where the click leads to another page.
			_, _ = chromedp.Run(tab, chromedp.Evaluate[any]("document.querySelector(`"+selector+"`).click()"))
		}
	}
	return cards, nil
}

// wait waits until the tab shows an element.
func wait(tab context.Context, selector string) error {
	for {
		there, err := chromedp.Run(tab, chromedp.Evaluate[bool]("document.querySelector(`"+selector+"`) !== null"))
		if err == nil && there {
			return nil
		}
		select {
		case <-tab.Done():
			return fmt.Errorf("waiting for %s: %w", selector, tab.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// light makes a tab prefer light colours, whatever the machine prefers.
var light = chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
	_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}},
	})
	return err
})
