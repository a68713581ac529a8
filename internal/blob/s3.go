package blob

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"navidocs/internal/fault"
)

var _ Store = (*S3)(nil)

// S3 keeps bytes in a bucket under prefix/ab/cd/<digest>.
//
// What is put is first written to a local file, since its name, the digest, is
// known at its end only. The other way, uploading under a passing name and
// copying, would need a second request over the whole length (S3 copies no
// more than 5 GB at once), leave rubbish when cut, and upload what is already
// there. The local file also lets a failed part be sent again.
type S3 struct {
	client *minio.Client
	bucket string
	prefix string
	spool  string
}

const (
	partSize  = 8 << 20
	s3Retries = 4
)

// OpenS3 reads s3://key:secret@host[:port]/bucket[/prefix], with ?region= and
// ?tls=off, and speaks to nobody yet. The spool is a folder for passing files,
// the system's when empty.
func OpenS3(rawURL, spool string) (*S3, error) {
	client, bucket, prefix, err := DialS3("BLOB_URL", rawURL)
	if err != nil {
		return nil, err
	}
	return &S3{client: client, bucket: bucket, prefix: prefix, spool: spool}, nil
}

// DialS3 makes a client for s3://key:secret@host[:port]/bucket[/prefix]; option
// is the setting that the address came from. It speaks to nobody yet.
func DialS3(option, rawURL string) (_ *minio.Client, bucket, prefix string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "s3" || u.Host == "" { // the cause would repeat the secret
		return nil, "", "", fault.New(fault.Invalid, "%s cannot be read; write s3://key:secret@host/bucket", option)
	}
	defer fault.Wrap(&err, "dial %s", u.Host)
	bucket, prefix, _ = strings.Cut(strings.Trim(u.Path, "/"), "/")
	secret, ok := u.User.Password()
	switch {
	case bucket == "":
		return nil, "", "", fault.New(fault.Invalid, "%s names no bucket; write s3://key:secret@host/bucket", option)
	case !ok:
		return nil, "", "", fault.New(fault.Invalid, "%s has no key and secret; write s3://key:secret@host/bucket", option)
	}
	query := u.Query()
	client, err := minio.New(u.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(u.User.Username(), secret, ""),
		Secure:     query.Get("tls") != "off",
		Region:     query.Get("region"),
		MaxRetries: s3Retries,
	})
	if err != nil {
		return nil, "", "", fault.Because(err, fault.Invalid, "%s names no usable host", option)
	}
	return client, bucket, prefix, nil
}

func (s *S3) key(d Digest) (string, error) {
	place, err := d.path()
	return path.Join(s.prefix, place), err
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, r io.Reader) (_ Digest, _ int64, err error) {
	defer fault.Wrap(&err, "blob.S3.Put")
	f, err := os.CreateTemp(s.spool, "navidocs-put-*")
	if err != nil {
		return "", 0, diskError(err)
	}
	defer func() {
		_ = f.Close() // read back and gone: nothing depends on it
		_ = os.Remove(f.Name())
	}()
	digest, size, err := hashCopy(ctx, f, r)
	if err != nil {
		return "", 0, diskError(err)
	}
	if there, err := s.Stat(ctx, digest); err == nil && there.Size == size {
		return digest, size, nil
	}
	key, err := s.key(digest)
	if err != nil {
		return "", 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", 0, diskError(err)
	}
	_, err = s.client.PutObject(ctx, s.bucket, key, f, size, minio.PutObjectOptions{PartSize: partSize, ContentType: "application/octet-stream"})
	if err != nil {
		return "", 0, s.fault(err, digest)
	}
	return digest, size, nil
}

// Open implements Store. Reading from a place sends one request for the range
// from there on.
func (s *S3) Open(ctx context.Context, digest Digest) (_ *Reader, err error) {
	defer fault.Wrap(&err, "blob.S3.Open")
	info, err := s.Stat(ctx, digest)
	if err != nil {
		return nil, err
	}
	key, err := s.key(digest)
	if err != nil {
		return nil, err
	}
	object, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, s.fault(err, digest)
	}
	return &Reader{info, object}, nil
}

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, digest Digest) (_ Info, err error) {
	defer fault.Wrap(&err, "blob.S3.Stat")
	key, err := s.key(digest)
	if err != nil {
		return Info{}, err
	}
	object, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, s.fault(err, digest)
	}
	return Info{digest, object.Size, object.LastModified}, nil
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, digest Digest) (err error) {
	defer fault.Wrap(&err, "blob.S3.Delete")
	key, err := s.key(digest)
	if err != nil {
		return err
	}
	err = s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{})
	if err = s.fault(err, digest); fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Walk implements Store. Objects that are no blobs are passed over.
func (s *S3) Walk(ctx context.Context) iter.Seq2[Info, error] {
	prefix := s.prefix
	if prefix != "" {
		prefix += "/"
	}
	return func(yield func(Info, error) bool) {
		for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
			if object.Err != nil {
				err := s.fault(object.Err, "")
				fault.Wrap(&err, "blob.S3.Walk")
				yield(Info{}, err)
				return
			}
			digest := Digest(path.Base(object.Key))
			if key, err := s.key(digest); err != nil || key != object.Key {
				continue
			}
			if !yield(Info{digest, object.Size, object.LastModified}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil { // the client ends without a word
			fault.Wrap(&err, "blob.S3.Walk")
			yield(Info{}, err)
		}
	}
}

// Ping implements Store by asking for the bucket.
func (s *S3) Ping(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "blob.S3.Ping")
	there, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return s.fault(err, "")
	}
	if !there {
		return fault.New(fault.Unavailable, "the bucket %s does not exist; create it, or correct BLOB_URL", s.bucket)
	}
	return nil
}

// fault gives the errors of the service their kind.
func (s *S3) fault(err error, digest Digest) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	answer, _ := errors.AsType[minio.ErrorResponse](err)
	switch {
	case answer.Code == "NoSuchKey", answer.StatusCode == http.StatusNotFound && answer.Code != "NoSuchBucket":
		return missing(digest)
	case answer.Code == "NoSuchBucket":
		return fault.Because(err, fault.Unavailable, "the bucket %s does not exist; create it, or correct BLOB_URL", s.bucket)
	case answer.StatusCode == http.StatusInsufficientStorage, strings.Contains(answer.Code, "Quota"), strings.Contains(answer.Code, "StorageFull"):
		return fault.Because(err, fault.Full, "the store that keeps files is full")
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return fault.Because(err, fault.Unavailable, "the store that keeps files refuses our key; correct BLOB_URL")
	}
	return fault.Because(err, fault.Unavailable, "the store that keeps files does not answer")
}
