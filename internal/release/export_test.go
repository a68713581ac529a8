package release

// Sign signs a text as a release's manifest is signed.
func Sign(text []byte, key string) ([]byte, error) {
	return sign(text, Manifest{Info: Info{Version: "0"}, SHA256: sumOf(text)}, key, "")
}
