package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/fault"
)

func (a *API) packageOperations() {
	const path = "/api/packages/verify"
	add(a, op{
		id: "verify-package", method: http.MethodPost, path: path, tag: "packages",
		summary: "Whether a package is as it was signed; it is not kept",
	}, a.verifyPackage)
	operation := a.huma.OpenAPI().Paths[path].Post
	form := &huma.Schema{Type: "object", Required: []string{"file"}, Properties: map[string]*huma.Schema{
		"file":        {Type: "string", Format: "binary", Description: "the package, a ZIP of at most MAX_PACKAGE_MB"},
		"fingerprint": {Type: "string", Description: "of the key that should have signed it, from the sender's mail or page"},
	}}
	operation.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: form}}}
	operation.Responses["507"] = operation.Responses["413"]
}

func (a *API) verifyPackage(ctx context.Context, _ account.Actor, in *FormBody) (_ *body[archive.Verification], err error) {
	form, err := in.parts()
	if err != nil {
		return nil, err
	}
	var got *archive.Received
	defer func() {
		if got != nil {
			err = errors.Join(err, got.Close())
		}
	}()
	fingerprint := ""
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, cutOff(err)
		}
		switch name := part.FormName(); {
		case name == "file" && got == nil:
			if got, err = a.Packages.Receive(part); err != nil {
				return nil, cutOff(err)
			}
		case name == "fingerprint" && fingerprint == "":
			if fingerprint, err = fingerprintOf(part); err != nil {
				return nil, err
			}
		default:
			return nil, fault.Fields(fault.Field{Location: "form." + name, Message: "is unknown or there twice: a verification has file and fingerprint"})
		}
	}
	if got == nil {
		return nil, required("form.file")
	}
	return answer(archive.Check(ctx, got, got.Size(), fingerprint))
}

// fingerprintOf reads the field; a blank one is none.
func fingerprintOf(part *multipart.Part) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(part, 1<<10))
	if err != nil {
		return "", cutOff(err)
	}
	text := strings.TrimSpace(string(raw))
	if text == "" {
		return "", nil
	}
	text, err = archive.ParseFingerprint(text)
	if err != nil {
		return "", fault.Fields(fault.Field{Location: "form.fingerprint", Message: fault.Message(err), Value: fault.Echo(string(raw))})
	}
	return text, nil
}
