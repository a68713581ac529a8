package archive

import "strings"

// Readme is VERIFY.txt, for whoever received an archive and has no NaviDocs: how
// to check it with programs that others made. The lines that begin with four
// spaces are commands for sh, in the folder of the unpacked archive.
func Readme(fingerprint string) string {
	return strings.ReplaceAll(readme, "FINGERPRINT", fingerprint)
}

const readme = `HOW TO CHECK THIS PACKAGE

Nothing in this package can be changed without being noticed: manifest.json
lists every file with its SHA-256, and manifest.sig signs that list.

The easy way: open the address from the sender's mail and drop the package on
the page, or use NaviDocs:

    navidocs package verify PACKAGE.zip --fingerprint FINGERPRINT

Without NaviDocs, with openssl 3, sha256sum and Python 3: unpack the package,
open a terminal in its folder (on Windows: Git Bash or WSL), and enter what
follows.

1. Is the list the one that was signed? The answer is "Signature Verified
   Successfully".

    T=$(mktemp -d)
    sed -n 's/^public key: //p' manifest.sig | openssl base64 -d -A > "$T/key"
    sed -n 's/^signature: //p' manifest.sig | openssl base64 -d -A > "$T/signature"
    openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$T/key" -in manifest.json -sigfile "$T/signature"

2. Who signed it? This prints the fingerprint of the signer's key:

    tail -c 32 "$T/key" | sha256sum

   It has to be the one in the sender's mail or on the sender's page. Do not
   take it from this file alone: whoever forges a package writes this file too.
   The package says that it is
   FINGERPRINT

3. Are the files the ones in the list? The answer is "no file was altered".

    python3 -c 'import json,hashlib,sys; bad=[f["path"] for f in json.load(open("manifest.json",encoding="utf-8"))["files"] if hashlib.sha256(open(f["path"],"rb").read()).hexdigest()!=f["sha256"]]; sys.exit("altered: "+", ".join(bad)) if bad else print("no file was altered")'

   A file that is missing is named too. One that is in the folder and not in
   the list is not part of what was signed.
`
