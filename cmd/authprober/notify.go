package main

import (
	"errors"
	"net"
	"os"
	"strconv"
	"time"
)

// notifySystemd tells the service manager something, sd_notify(3), over the socket that
// NOTIFY_SOCKET names; with "" it tells nobody. A manager that does not listen holds
// it up for a second, and no longer.
func notifySystemd(socket, state string) error {
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"}) // a leading @ is an abstract one
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}

// errWatchdog says that the manager's wish is none.
var errWatchdog = errors.New("WATCHDOG_USEC and WATCHDOG_PID are not as systemd sets them, so that no sign of life is given")

// watchdogWithin is within which time the service manager wants a sign of life of this
// process, sd_watchdog_enabled(3); 0 where it wants none.
func watchdogWithin(usec, pid string) (time.Duration, error) {
	if usec == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) {
		return 0, errWatchdog
	}
	if pid != "" {
		p, err := strconv.Atoi(pid)
		if err != nil {
			return 0, errWatchdog
		}
		if p != os.Getpid() { // it is another process's
			return 0, nil
		}
	}
	return time.Duration(n) * time.Microsecond, nil
}
