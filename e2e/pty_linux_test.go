package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what is written to the inside comes out at the outside.
func terminal(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	if err := unix.IoctlSetPointerInt(int(outside.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(outside.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return outside, inside
}

// onTerminal runs `caddy instagram-auth` at a terminal and types what the person answers, once
// they are asked. It returns everything that the terminal shows.
func onTerminal(t *testing.T, folder string, env []string, answer string, args ...string) (shown string, status int) {
	t.Helper()
	outside, inside := terminal(t)
	command := exec.Command(plain(t), append([]string{"instagram-auth"}, args...)...)
	command.Dir, command.Env = folder, append(os.Environ(), env...)
	command.Stdin, command.Stdout, command.Stderr = inside, inside, inside
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = inside.Close()
	stop := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
	defer stop.Stop()
	var all strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := outside.Read(buffer)
		all.Write(buffer[:n])
		if answer != "" && strings.Contains(all.String(), "[y/N] ") {
			if _, err := io.WriteString(outside, answer+"\n"); err != nil {
				t.Fatal(err)
			}
			answer = ""
		}
		if err != nil { // the last one has closed the inside
			break
		}
	}
	err := command.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return all.String(), failed.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return all.String(), 0
}
