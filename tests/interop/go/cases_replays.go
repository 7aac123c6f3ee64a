package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Histories: fetched, written down, read again, and replayed by the SDK's own replayer.

var replayCases = []testCase{
	// Everything that the cases have started replays, from JSON, with the newest code.
	{"replay", func(ctx context.Context, c *interop) {
		no(os.MkdirAll(c.out, 0o755), c.out)
		replayer := worker.NewWorkflowReplayer()
		registerAfter(replayer)
		check(len(c.started) > 0, "nothing to replay")
		for _, started := range c.started {
			history := c.history(ctx, started.id, started.run)
			text, err := protojson.MarshalOptions{Indent: "  "}.Marshal(history)
			no(err, "JSON of "+started.id)
			no(os.WriteFile(filepath.Join(c.out, started.id+"-"+started.run+".json"), text, 0o644), "write")
			again, err := client.HistoryFromJSON(bytes.NewReader(text), client.HistoryJSONOptions{})
			no(err, "read "+started.id)
			check(proto.Equal(again, history), "JSON keeps everything of %s", started.id)
			// The replayer wants a workflow task in it, which one that is ended before it begins lacks.
			if strings.Contains(string(text), "WORKFLOW_TASK_STARTED") {
				options := worker.ReplayWorkflowHistoryOptions{
					OriginalExecution: workflow.Execution{ID: started.id, RunID: started.run},
				}
				no(replayer.ReplayWorkflowHistoryWithOptions(quiet{}, again, options), started.id)
			}
		}
	}},
	// The replayer refuses a history that the code does not fit.
	{"replay-changed-code", func(ctx context.Context, c *interop) {
		for _, started := range c.started {
			if !strings.HasSuffix(started.id, "patch-old") {
				continue
			}
			replayer := worker.NewWorkflowReplayer()
			registerWrong(replayer)
			err := replayer.ReplayWorkflowHistory(quiet{}, c.history(ctx, started.id, started.run))
			check(err != nil && strings.Contains(err.Error(), "TMPRL1100"), "it was accepted: %v", err)
			return
		}
		fail("the case `patch` left no history")
	}},
}
