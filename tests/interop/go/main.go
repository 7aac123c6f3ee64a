// Runs the cases of tests/interop with Temporal's official Go SDK against a server.
//
//	interop --address HOST:PORT --namespace NAME --out DIR [--test-server PATH] [--only CASE,…]
//
// Prints `ok NAME`, `FAIL NAME: why` or `skip NAME: why` for each, and a last line with the counts.
// Exit code 1 if one failed.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/worker"
)

func main() {
	address := flag.String("address", "", "HOST:PORT of the server")
	namespace := flag.String("namespace", "default", "namespace of all cases")
	out := flag.String("out", "", "folder for histories")
	testServer := flag.String("test-server", "", "executable of a time-skipping test server")
	only := flag.String("only", "", "names of cases, separated by commas")
	doomed := flag.String("worker", "", "only a worker of this task queue, until killed")
	flag.Parse()
	if *address == "" || *out == "" {
		fmt.Fprintln(os.Stderr, "--address and --out are needed")
		os.Exit(2)
	}
	c, err := newContext(*address, *namespace, *out, *testServer)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if *doomed != "" {
		w := c.newWorker(*doomed, registerAfter, worker.Options{StickyScheduleToStartTimeout: time.Second})
		if err := w.Run(nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	w := c.newWorker(c.queue, registerAfter, worker.Options{})
	if err := w.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var names []string
	if *only != "" {
		names = strings.Split(*only, ",")
	}
	t := runAll(c, names)
	w.Stop()
	fmt.Printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	if t.failed > 0 || t.passed == 0 {
		os.Exit(1)
	}
}
