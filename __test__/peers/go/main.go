// A writer that shares db.lock with sqlock: syscall.Flock, polled, and the SQLite of mattn/go-sqlite3. See ../README.md.
package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

const (
	defaultTimeout = 500 * time.Millisecond
	firstPause     = 5 * time.Millisecond
	lastPause      = 50 * time.Millisecond
)

// lockTimeout says that somebody else had the lock at every attempt, and who db.lock said it was at the last one.
type lockTimeout struct {
	pid   int
	since string
}

func (e *lockTimeout) Error() string {
	return fmt.Sprintf("write lock timeout, held by pid %d since %s", e.pid, e.since)
}

// withLock runs fn under the lock of a directory.
func withLock(dir string, timeout time.Duration, fn func() error) (err error) {
	file, err := acquire(filepath.Join(dir, "db.lock"), timeout)
	if err != nil {
		return err
	}
	// Closing the only descriptor unlocks.
	defer file.Close()
	// A killed holder may have left a longer text.
	if err := file.Truncate(0); err != nil {
		return err
	}
	text := fmt.Sprintf("pid:%d\ntime:%s\n", os.Getpid(), time.Now().Format(time.RFC3339Nano))
	// The text is for people: a disk without room for it does not fail the hold.
	file.WriteAt([]byte(text), 0)
	defer file.Truncate(0)
	return fn()
}

func acquire(path string, timeout time.Duration) (*os.File, error) {
	deadline := time.Now().Add(timeout)
	for pause := firstPause; ; pause = doubled(pause) {
		file, err := attempt(path)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return file, err
		}
		if !time.Now().Before(deadline) {
			return nil, readHolder(path)
		}
		time.Sleep(pause)
	}
}

func doubled(pause time.Duration) time.Duration {
	if pause >= lastPause/2 {
		return lastPause
	}
	return pause * 2
}

// attempt gives a file that has the lock, or EWOULDBLOCK. Go opens all of them with O_CLOEXEC.
func attempt(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, err
	}
	// What was deleted meanwhile is locked for nobody.
	if !names(path, file) {
		file.Close()
		return nil, syscall.EWOULDBLOCK
	}
	return file, nil
}

// names tells whether the path still names the file.
func names(path string, file *os.File) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	ours, err := file.Stat()
	return err == nil && os.SameFile(there, ours)
}

// readHolder gives the lockTimeout that names who is in db.lock.
func readHolder(path string) error {
	text, err := os.ReadFile(path)
	// Whoever deletes it does so under the lock, and the next holder makes it anew.
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	timeout := &lockTimeout{}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "pid":
			timeout.pid, _ = strconv.Atoi(value)
		case "time":
			timeout.since = value
		}
	}
	return timeout
}

func hold(dir string, timeout time.Duration) error {
	err := withLock(dir, timeout, func() error {
		stopAt("held")
		return nil
	})
	if err == nil {
		fmt.Println("released")
	}
	return err
}

func tryLock(dir string, timeout time.Duration) error {
	err := withLock(dir, timeout, func() error { return report(result{"granted": true}) })
	var refusal *lockTimeout
	if errors.As(err, &refusal) {
		return report(result{"granted": false, "pid": refusal.pid, "since": refusal.since})
	}
	return err
}

// inTime runs fn under the lock of a directory, and tells whether it got that in time.
func inTime(dir string, fn func() error) (bool, error) {
	err := withLock(dir, defaultTimeout, fn)
	var refusal *lockTimeout
	if errors.As(err, &refusal) {
		return false, nil
	}
	return err == nil, err
}

func count(dir string, times int) error {
	stopAt("ready")
	timeouts := 0
	for done := 0; done < times; {
		granted, err := inTime(dir, func() error { return increment(dir) })
		if err != nil {
			return err
		}
		if granted {
			done++
		} else {
			timeouts++
		}
	}
	return report(result{"timeouts": timeouts})
}

func increment(dir string) error {
	counter, inside := filepath.Join(dir, "counter"), filepath.Join(dir, "inside")
	witness, err := os.OpenFile(inside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	witness.Close()
	text, err := os.ReadFile(counter)
	if err != nil {
		return err
	}
	value, err := strconv.Atoi(string(text))
	if err != nil {
		return err
	}
	time.Sleep(500 * time.Microsecond)
	if err := os.WriteFile(counter, []byte(strconv.Itoa(value+1)), 0o600); err != nil {
		return err
	}
	return os.Remove(inside)
}

func insert(dir, name string, count int) error {
	stopAt("ready")
	timeouts, written, maxWait := 0, []int{}, time.Duration(0)
	for value := 0; value < count; value++ {
		time.Sleep(5*time.Millisecond + time.Duration(rand.Intn(10_000))*time.Microsecond)
		called := time.Now()
		granted, err := inTime(dir, func() error {
			if wait := time.Since(called); wait > maxWait {
				maxWait = wait
			}
			return insertRecord(filepath.Join(dir, "app.db"), name, value)
		})
		if err != nil {
			return err
		}
		if granted {
			written = append(written, value)
		} else {
			timeouts++
		}
	}
	ms := float64(maxWait) / float64(time.Millisecond)
	return report(result{"timeouts": timeouts, "written": written, "maxWaitMs": ms})
}

func insertRecord(path, name string, value int) error {
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		return err
	}
	if _, err := db.Exec("INSERT INTO records (name, value) VALUES (?, ?)", name, value); err != nil {
		db.Close()
		return err
	}
	return db.Close()
}

// stopAt says how far it has got, and goes on at a line of stdin or at its end.
func stopAt(point string) {
	fmt.Println(point)
	bufio.NewScanner(os.Stdin).Scan()
}

type result map[string]any

func report(r result) error {
	return json.NewEncoder(os.Stdout).Encode(r)
}

func run(command, dir string, args []string) error {
	number := func(n int) int {
		if n >= len(args) {
			return int(defaultTimeout.Milliseconds())
		}
		value, err := strconv.Atoi(args[n])
		if err != nil {
			panic(err)
		}
		return value
	}
	switch command {
	case "hold":
		return hold(dir, time.Duration(number(0))*time.Millisecond)
	case "try":
		return tryLock(dir, time.Duration(number(0))*time.Millisecond)
	case "count":
		return count(dir, number(0))
	case "insert":
		return insert(dir, args[0], number(1))
	case "work":
		return work(dir, args[0], args[1])
	}
	return fmt.Errorf("no command %q", command)
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
