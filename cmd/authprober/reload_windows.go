package main

import "os"

var reloadSignals []os.Signal // there are none
