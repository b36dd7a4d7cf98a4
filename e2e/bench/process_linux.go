package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// attributes gives a process a group of its own, so that Ctrl-C reaches it through us
// alone, and has the system end it should we be killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// end sends a signal to a process that has not been waited for yet and to its group, which
// is ours alone: what a shell has started does not end with the shell.
func end(p *os.Process, signal syscall.Signal) { _ = syscall.Kill(-p.Pid, signal) }

// cpuTime returns the CPU time of a process and of all that descend from it, in all their
// threads. It reads the clocks that clock_getcpuclockid(3) names: they count
// nanoseconds, where /proc/<pid>/stat counts hundredths of a second.
func cpuTime(pid int) (total time.Duration, err error) {
	for _, pid := range family(pid) {
		var now syscall.Timespec
		const schedule = 2 // CPUCLOCK_SCHED of the whole process
		clock := ^pid<<3 | schedule
		if _, _, code := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&now)), 0); code != 0 {
			return 0, fmt.Errorf("reading the CPU time of a process: %w", code)
		}
		total += time.Duration(now.Nano())
	}
	return total, nil
}

// family returns a process and all that descend from it.
func family(pid int) (pids []int) {
	pids = []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		content, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(content)) {
			if child, err := strconv.Atoi(child); err == nil {
				pids = append(pids, family(child)...)
			}
		}
	}
	return pids
}

// resident returns the memory of a process that is in RAM, in bytes.
func resident(pid int) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of a process: %w", err)
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 {
		return 0, fmt.Errorf("%q is not the memory of a process", content)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
