package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"
)

// work inserts records until stdin ends, each under a hold that leaves evidence: see ../../stress/README.md.
func work(dir, name, evidence string) error {
	notes, err := os.OpenFile(filepath.Join(evidence, "notes-"+name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for n := 0; ; n++ {
		select {
		case <-ended:
			return nil
		case <-time.After(time.Duration(rand.Intn(30_000)) * time.Microsecond):
		}
		key := fmt.Sprintf("%s-%d", name, n)
		err := withLock(dir, defaultTimeout, func() error {
			return witnessed(name, evidence, func() error { return insertRecord(filepath.Join(dir, "app.db"), key, n) })
		})
		var refusal *lockTimeout
		var failure sqlite3.Error
		note := "+ " + key
		switch {
		case errors.As(err, &refusal):
			note = "- " + key + " timeout"
		case errors.As(err, &failure):
			note = "? " + key + " " + failure.Error()
		case err != nil:
			return err
		}
		if _, err := fmt.Fprintln(notes, note); err != nil {
			return err
		}
	}
}

func witnessed(name, evidence string, fn func() error) error {
	counter, err := os.OpenFile(filepath.Join(evidence, "counter"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer counter.Close()
	text := make([]byte, 12)
	if _, err := counter.ReadAt(text, 0); err != nil {
		return err
	}
	value, err := strconv.Atoi(string(text))
	if err != nil {
		return err
	}
	journal, err := os.OpenFile(filepath.Join(evidence, "journal"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer journal.Close()
	if _, err := fmt.Fprintf(journal, "enter %s %d\n", name, value); err != nil {
		return err
	}
	outcome := fn()
	if _, err := counter.WriteAt([]byte(fmt.Sprintf("%012d", value+1)), 0); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(journal, "leave %s %d\n", name, value+1); err != nil {
		return err
	}
	return outcome
}
