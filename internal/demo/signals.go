package demo

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/caddyserver/caddy/v2"
)

// How the demo ends. Caddy's own handling of signals waits for requests that have begun. A second
// Ctrl-C then ends the process without its exit functions, which would leave the demo's folder
// behind.

// endSignals returns the signals that end the demo. A demo that was started to outlive its terminal
// does not end with it.
func endSignals() <-chan os.Signal {
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(arrived, syscall.SIGHUP)
	}
	return arrived
}

// endAt ends the process. The first signal stops Caddy, which here waits for no request; a second
// one does not even do that. Both delete the folder.
func endAt(signals <-chan os.Signal, folder string) {
	<-signals
	go func() {
		code := caddy.ExitCodeSuccess
		if err := caddy.Stop(); err != nil {
			code = caddy.ExitCodeFailedQuit
		}
		end(code, folder)
	}()
	<-signals
	end(caddy.ExitCodeForceQuit, folder)
}

// ending keeps one end from overtaking another one that still deletes.
var ending sync.Mutex

func end(code int, folder string) {
	ending.Lock()
	remove(folder)
	os.Exit(code)
}

// remove deletes a folder, in which Caddy may still write.
func remove(folder string) {
	for range 10 {
		if os.RemoveAll(folder) == nil {
			return
		}
	}
}
