package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Time skipping. The Go SDK's own test environment has no server; the server under test is started
// as the environments of the other SDKs do it, and driven by its test service. Temporal's Go API has
// no code for that service, so its messages are stood for by others that look the same on the wire.

type skipping struct {
	*interop
	connection *grpc.ClientConn
}

func (s *skipping) call(ctx context.Context, method string, request, response proto.Message) {
	no(s.connection.Invoke(ctx, "/temporal.api.testservice.v1.TestService/"+method, request, response), method)
}

func (s *skipping) now(ctx context.Context) time.Time {
	var response taskqueuepb.PollerInfo // field 1 is a timestamp
	s.call(ctx, "GetCurrentTime", &emptypb.Empty{}, &response)
	return response.LastAccessTime.AsTime()
}

func (s *skipping) sleep(ctx context.Context, duration time.Duration) {
	request := &commonpb.RetryPolicy{InitialInterval: durationpb.New(duration)} // field 1 is a duration
	s.call(ctx, "UnlockTimeSkippingWithSleep", request, &emptypb.Empty{})
}

// Runs something while time may be skipped.
func (s *skipping) unlocked(ctx context.Context, run func()) {
	s.call(ctx, "UnlockTimeSkipping", &emptypb.Empty{}, &emptypb.Empty{})
	run()
	s.call(ctx, "LockTimeSkipping", &emptypb.Empty{}, &emptypb.Empty{})
}

func withTimeSkipping(ctx context.Context, c *interop, run func(*skipping)) {
	if c.testServer == "" {
		panic(skipped{"no test server was given"})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	no(err, "a free port")
	port := listener.Addr().(*net.TCPAddr).Port
	no(listener.Close(), "a free port")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	server := exec.Command(c.testServer, fmt.Sprint(port), "--enable-time-skipping")
	no(server.Start(), "start "+c.testServer)
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	var connected client.Client
	eventually(ctx, "the test server is ready", func() bool {
		connected, err = dial(address, "default")
		return err == nil
	})
	defer connected.Close()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	no(err, "connect")
	defer func() { _ = connection.Close() }()
	s := &skipping{
		&interop{
			client: connected, address: address, namespace: "default", run: c.run, queue: "skips",
			seeds: &seedActivities{client: connected}, activities: newActivities(),
		},
		connection,
	}
	s.call(ctx, "LockTimeSkipping", &emptypb.Empty{}, &emptypb.Empty{})
	s.withWorker(s.queue, registerAfter, worker.Options{}, func() { run(s) })
}

var timeSkippingCases = []testCase{
	{"time-skipping", func(ctx context.Context, c *interop) {
		withTimeSkipping(ctx, c, func(s *skipping) {
			late := s.start(ctx, "late", subscriptionTrial, "late", 14)
			s.unlocked(ctx, func() {
				equal(result[string](ctx, late), "expired", "nobody converts in 17 days")
			})
			equal(s.seeds.sent("late"), []string{"trial-started", "trial-halfway", "trial-expired"}, "mails")
			began := s.now(ctx)
			patiently := s.start(ctx, "patient", patient)
			s.unlocked(ctx, func() {
				expected := patientResult{3, "fired and cancelled", 32}
				equal(result[patientResult](ctx, patiently), expected, "two retries, a child, and a month")
			})
			check(s.now(ctx).Sub(began) >= 32*24*time.Hour, "the clock of the server")
		})
	}},
	// Time goes on only as far as it is told to, while a workflow is being signalled.
	{"time-skipping-manual", func(ctx context.Context, c *interop) {
		withTimeSkipping(ctx, c, func(s *skipping) {
			handle := s.start(ctx, "grace", subscriptionTrial, "grace", 2)
			s.sleep(ctx, 3*24*time.Hour)
			eventually(ctx, "the trial expires", func() bool {
				return slices.Contains(s.seeds.sent("grace"), "trial-expired")
			})
			s.signal(ctx, handle.GetID(), "convertToPaying", map[string]string{"planId": "late"})
			s.unlocked(ctx, func() {
				equal(result[string](ctx, handle), "converted-grace-period", "result")
			})
		})
	}},
}
