package blob_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"navidocs/internal/blob"
	"navidocs/internal/blob/blobtest"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func openS3(t *testing.T, rawURL string) *blob.S3 {
	t.Helper()
	s, err := blob.OpenS3(rawURL, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh is the test server's bucket with a prefix of its own.
func fresh(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse(testkit.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestS3(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Opened {
		u := fresh(t)
		return blobtest.Opened{Store: openS3(t, u.String()), Damage: func(t *testing.T, d blob.Digest, content []byte) {
			secret, _ := u.User.Password()
			client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(u.User.Username(), secret, "")})
			if err != nil {
				t.Fatal(err)
			}
			bucket, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
			key := path.Join(prefix, string(d[:2]), string(d[2:4]), string(d))
			if _, err := client.PutObject(t.Context(), bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}}
	})
}

func TestS3WithoutPrefixPassesOverStrangers(t *testing.T) {
	t.Parallel()
	u := fresh(t)
	u.Path = path.Dir(u.Path)
	for info, err := range openS3(t, u.String()).Walk(t.Context()) {
		if err != nil || len(info.Digest) != 64 {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

func TestS3MissingBucket(t *testing.T) {
	t.Parallel()
	u := fresh(t)
	u.Path = "/no-such-bucket"
	s := openS3(t, u.String())
	if err := s.Ping(t.Context()); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "create it") {
		t.Errorf("ping: %v", err)
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader("x")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("put: %v", err)
	}
}

func TestS3WrongSecret(t *testing.T) {
	t.Parallel()
	u := fresh(t)
	u.User = url.UserPassword(u.User.Username(), "hidden")
	_, _, err := openS3(t, u.String()).Put(t.Context(), strings.NewReader("x"))
	if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
}

func TestS3SpoolIsEmptyAfterwards(t *testing.T) {
	t.Parallel()
	spool := t.TempDir()
	s, err := blob.OpenS3("s3://k:s@127.0.0.1:1/bucket?tls=off", spool)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader("x")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("nobody listens: %v", err)
	}
	if entries, err := os.ReadDir(spool); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestS3URLs(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]string{
		"s3://k:hidden@h":             "names no bucket",
		"s3://h/bucket":               "no key and secret",
		"s3://k@h/bucket":             "no key and secret",
		"s3:///bucket":                "cannot be read",
		"https://k:hidden@h/bucket":   "cannot be read",
		"s3://k:hidden@h:x/bucket":    "cannot be read",
		"s3://k:hidden@h_!/bucket":    "no usable host",
		"s3://k:hidden@h:9000/b/c?x=": "",
	} {
		_, err := blob.OpenS3(rawURL, "")
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", rawURL, err)
		case want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden")):
			t.Errorf("%s: %v, want %s", rawURL, err, want)
		}
	}
}

func TestS3Faults(t *testing.T) {
	t.Parallel()
	s := openS3(t, "s3://k:s@h/bucket")
	for _, test := range []struct {
		err  error
		want fault.Kind
	}{
		{minio.ErrorResponse{Code: "NoSuchKey", StatusCode: 404}, fault.NotFound},
		{minio.ErrorResponse{StatusCode: 404}, fault.NotFound},
		{minio.ErrorResponse{Code: "NoSuchBucket", StatusCode: 404}, fault.Unavailable},
		{minio.ErrorResponse{Code: "QuotaExceeded", StatusCode: 403}, fault.Full},
		{minio.ErrorResponse{Code: "XMinioStorageFull", StatusCode: 507}, fault.Full},
		{minio.ErrorResponse{Code: "AccessDenied", StatusCode: 403}, fault.Unavailable},
		{minio.ErrorResponse{Code: "SlowDown", StatusCode: 503}, fault.Unavailable},
		{errors.New("connection refused"), fault.Unavailable},
		{context.Canceled, fault.Internal},
	} {
		if err := s.Fault(test.err); fault.KindOf(err) != test.want {
			t.Errorf("%+v is %v", test.err, err)
		}
	}
	if err := s.Fault(nil); err != nil {
		t.Errorf("nil is %v", err)
	}
}

// TestS3ListFails: an error in the middle of a listing must not look like its end.
func TestS3ListFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	s := openS3(t, "s3://k:s@"+strings.TrimPrefix(server.URL, "http://")+"/bucket?tls=off&region=us-east-1")
	for _, err := range s.Walk(t.Context()) {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v", err)
		}
		return
	}
	t.Error("an empty listing")
}
